//! Estimates of tokens against real vocabularies.

use livos_core::AIProvider;
use livos_core::EstimatedTokens;
use livos_core::TokenCounter;
use livos_providers::OpenAiCompatible;
use livos_providers::openai_compatible::Dialect;
use proptest::prelude::*;

/// What models are made to read.
const TEXTS: &[(&str, &str)] = &[
    (
        "prose",
        "The committee met on Thursday to discuss the unexpectedly complicated renewal of the maintenance contract, and nobody was particularly satisfied with the result. \u{201c}We shall see,\u{201d} said the chairwoman \u{2014} and left.",
    ),
    (
        "german",
        "Die Donaudampfschifffahrtsgesellschaft veröffentlichte gestern überraschend ihre Geschäftszahlen für das vergangene Jahr.",
    ),
    (
        "french",
        "L'été dernier, nous avons été très étonnés d'apprendre que le château n'était plus à vendre.",
    ),
    (
        "turkish",
        "Bugün toplantıda görüşülen konuların hepsi önümüzdeki haftaya ertelendi, çünkü yeterli çoğunluk sağlanamadı.",
    ),
    (
        "russian",
        "Вчера вечером мы долго обсуждали, как лучше всего организовать хранение журналов на сервере.",
    ),
    ("arabic", "ناقشنا مساء أمس أفضل طريقة لتنظيم تخزين السجلات على الخادم."),
    ("hebrew", "אתמול בערב דנו ארוכות בדרך הטובה ביותר לארגן את אחסון היומנים בשרת."),
    ("hindi", "कल शाम हमने सर्वर पर लॉग रखने के सबसे अच्छे तरीके पर लंबी चर्चा की।"),
    ("thai", "เมื่อวานนี้เราได้พูดคุยกันเกี่ยวกับวิธีที่ดีที่สุดในการจัดเก็บบันทึกบนเซิร์ฟเวอร์"),
    (
        "chinese",
        "昨天晚上我们讨论了在服务器上保存日志的最佳方法，并决定每个会话只使用一个写入线程。龘靐齉",
    ),
    (
        "japanese",
        "昨夜、サーバーにログを保存する最良の方法について話し合い、セッションごとに一つの書き込みスレッドを使うことにしました。",
    ),
    (
        "korean",
        "어젯밤 우리는 서버에 로그를 저장하는 가장 좋은 방법에 대해 논의하고 세션마다 하나의 쓰기 스레드만 사용하기로 했습니다.",
    ),
    ("emoji", "👍🏽 🎉🚀 👩‍👩‍👧‍👦 🏳️‍🌈 ❤️ ✅ ⚠️ 🤷‍♂️ 🇹🇷 🥇"),
    (
        "rust",
        "    pub(crate) async fn recall(shared: &Shared, session_id: SessionId) -> Result<Transcript, StoreError> {\n        let newest = shared.journal.last_seq(session_id).await?;\n        while seq < newest {\n            seq += 1;\n        }\n    }\n",
    ),
    (
        "python",
        "def fib(n: int) -> int:\n    \"\"\"Return F(n).\"\"\"\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\nif __name__ == '__main__':\n    print(fib(30))\n",
    ),
    (
        "minified",
        "!function(e,t){\"object\"==typeof exports?module.exports=t():e.Xq=t()}(this,function(){return n(0x1f3a)});var a=[],b={kQzX:1,vWp_2:null};",
    ),
    (
        "json",
        "{\"id\":\"0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10\",\"at\":\"2026-11-22T19:12:15.123456Z\",\"items\":[{\"sku\":\"QX-9917\",\"price\":12.95,\"tags\":[\"new\",\"sale\"]},{\"sku\":null}]}",
    ),
    (
        "pretty json",
        "{\n  \"name\": \"livos\",\n  \"version\": \"0.1.0\",\n  \"dependencies\": {\n    \"serde\": {\n      \"features\": [\n        \"derive\"\n      ]\n    }\n  }\n}\n",
    ),
    (
        "base64",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    ),
    ("hex", "3f786850e387550fdab836ed7e6dc881de23001b da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    (
        "log",
        "2026-11-22T19:12:15.991Z  WARN livos_core::agent: run finished status=Completed turns=3 duration_ms=10482 peer=10.0.0.7:58122",
    ),
    (
        "table",
        "| model | window | price |\n|-------|-------:|------:|\n| a-1   | 200000 |  3.00 |\n| b-2   |  32768 | 0.125 |\n",
    ),
    (
        "shell",
        "find . -name '*.rs' -not -path './target/*' | xargs grep -nE '(unwrap|expect)\\(' | awk -F: '{print $1}' | sort | uniq -c | sort -rn | head -20",
    ),
    ("math", "∀ε>0 ∃δ>0: |x−a|<δ ⇒ |f(x)−f(a)|<ε;  ∑ᵢ₌₁ⁿ i² = n(n+1)(2n+1)/6 ≈ ⅓n³"),
    (
        "capitals",
        "THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED",
    ),
    (
        "names",
        "XMLHttpRequest getElementById max_concurrent_runs kubectl ffmpeg sqlite3_prepare_v2 nvidia-smi tmux zsh qwen3 mcp__github__create_pr",
    ),
    ("box drawing", "├── src\n│   ├── lib.rs\n│   └── main.rs\n└── Cargo.toml\n══════════\n"),
    ("spaces", "a                                         b\n\n\n\n\t\t\t\tc  d   e    f\r\n\r\n"),
];

/// What every message takes beside its text; slack for what is cut in the middle of a word.
const FRAME: u64 = 5;

fn truth(text: &str) -> u64 {
    let count = |vocabulary: &tiktoken_rs::CoreBPE| vocabulary.encode_ordinary(text).len() as u64;
    count(tiktoken_rs::cl100k_base_singleton()).max(count(tiktoken_rs::o200k_base_singleton()))
}

#[test]
fn an_estimate_is_never_below_the_truth() {
    let mut failures = Vec::new();
    for (name, text) in TEXTS {
        let (estimate, truth) = (EstimatedTokens.count(text), truth(text));
        if estimate < truth || estimate > truth * 4 {
            failures.push(format!("{name}: estimated {estimate}, in truth {truth}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Pieces of the texts above in any order, cut anywhere.
fn patchwork() -> impl Strategy<Value = String> {
    let piece = (0..TEXTS.len(), any::<prop::sample::Index>(), 40..120_usize);
    prop::collection::vec(piece, 1..8).prop_map(|pieces| {
        let cut = pieces.into_iter().map(|(text, start, length)| {
            let (_, text) = TEXTS[text];
            let start = text.floor_char_boundary(start.index(text.len()));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text[start..end].to_owned()
        });
        cut.collect::<Vec<_>>().join(" ")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn mixtures_are_not_underestimated(text in patchwork()) {
        prop_assert!(EstimatedTokens.count(&text) + FRAME >= truth(&text), "{text:?}");
    }

    #[test]
    fn signs_without_sense_are_not_underestimated(
        text in prop_oneof![
            "[ -~]{40,300}", "[a-f0-9]{40,300}", "[A-Za-z0-9+/]{150,300}", "[A-Z_0-9]{40,300}",
            "[ぁ-ヿ]{20,100}", "[😀-🙏🚀-🛅🤌-🥿]{20,100}",
        ]
    ) {
        prop_assert!(EstimatedTokens.count(&text) + FRAME >= truth(&text), "{text:?}");
    }
}

#[test]
fn openai_counts_exactly_and_others_are_estimated() {
    let openai = OpenAiCompatible::with_key(&Dialect::OPENAI, "sk-not-a-real-key").expect("a key");
    let counter = openai.token_counter(&"gpt-4o".into()).expect("a known vocabulary");
    assert_eq!((counter.name(), counter.count("tiktoken is great!")), ("o200k_base", 6));
    let older = openai.token_counter(&"gpt-4-turbo".into()).expect("a known vocabulary");
    assert_eq!((older.name(), older.count("antidisestablishmentarianism")), ("cl100k_base", 6));
    let groq = OpenAiCompatible::with_key(&Dialect::GROQ, "gsk-not-a-real-key").expect("a key");
    assert!(groq.token_counter(&"gpt-4o".into()).is_none());
}
