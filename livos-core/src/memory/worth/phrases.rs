//! The phrases that the rules look for, apart by commas: in small letters, words apart by one space, `don t`
//! for `don't`.

/// Said before what one means.
pub(super) const POLITE: &str = "\
    please, hey, hi, hello, oh, well, so, ok, okay, yes, no, also, and, but, now, by the way, \
    btw, fyi, just so you know, for the record, for your information, actually";

/// Somebody wants something kept.
pub(super) const REMEMBER: &str = "\
    remember that, remember, note that, keep in mind that, keep in mind, don t forget that, \
    never forget that, bear in mind that, for future reference, make a note that";

/// Somebody says how things are to be from now on, at the beginning.
pub(super) const STANDING: &str = "\
    always, never use, never call, never ask, never send, never write, never answer, \
    never include, never add, never start, from now on, in future, in the future, call me, \
    address me, don t call me, do not call me, don t ever, do not ever, antworte mir immer, \
    immer, nenn mich, siempre, nunca, llámame, toujours, appelle moi, sempre, chiamami, \
    never suggest, never recommend";

/// The same, anywhere.
pub(super) const STANDING_INSIDE: &str = "\
    you should always, you should never, please always, please never, ab jetzt, \
    à partir de maintenant, from now on";

/// Somebody speaks of the one they speak to.
pub(super) const OF_ASSISTANT: &str = "\
    you, your, the assistant, assistant, this assistant, the ai, the model, the bot, \
    the conversation, this conversation, the chat";

/// What makes a statement one that lasts.
pub(super) const LASTING: &str = "\
    always, never, usually, generally, normally, typically, often, every day, every morning, \
    every evening, every night, every week, every month, every year, every monday, \
    every tuesday, every wednesday, every thursday, every friday, every saturday, every sunday, \
    each day, each week, daily, weekly, twice a day, once a day, times a week, on mondays, \
    on tuesdays, on wednesdays, on thursdays, on fridays, on saturdays, on sundays, \
    on weekends, prefer, prefers, favourite, favorite, allergic, intolerant, was born, \
    were born, used to live, used to work, my name is, my name s, pronouns, birthday, \
    anniversary, whenever";

/// Something to be done now, at the beginning.
pub(super) const REQUESTS: &str = "\
    i want you to, i need you to, i d like you to, i would like you to, i need help, i d like, \
    i would like, i want a, i want an, i want the, i want some, i want more, i want to know, \
    i want to see, i d like to know, i was wondering, i wonder, i am wondering, i m wondering, \
    i have a question, i have another question, i m looking for, i am looking for, i m asking, \
    i am asking, i m trying to, i am trying to, help, show, tell, give, send, let me, let s, \
    let us, lets, remind, write, make, find, explain, fix, open, close, run, set, create, add, \
    remove, delete, check, translate, summarise, summarize, list, compare, convert, calculate, \
    compute, search, look, look up, read, book, order, buy, play, start, stop, try, use, \
    change, update, rewrite, improve, generate, draw, describe, continue, go, go on, go ahead, \
    keep going, do, don t, do not, wait, put, move, rename, install, build, test, review, \
    refactor, implement, plan, suggest, recommend, think, choose, pick, count, sort, call, \
    email, schedule, turn, shorten, turn on, turn off, never mind, can you, could you, \
    would you, will you, i would appreciate, i d appreciate, i would love, i d love, \
    i was hoping, we need to, keep going, undo, put, proofread, reply, draft";

/// What a report says of somebody who asked for something.
pub(super) const REPORTED_REQUESTS: &str = "\
    the user asked, the user asks, the user is asking, the user requested, the user requests, \
    the user needs help, the user needs assistance, the user inquired, the user greeted, \
    the user is greeting, the user thanked, the user thanks, the user said, the user says, \
    the user is looking for, the user would like, the user is interested in knowing, \
    the user seems, the user appears, the user is chatting, the user is testing, \
    the user mentioned, the user is talking, the user is trying, the user did not, \
    the user has asked, the user provided, the user wrote, the user sent, user asked, \
    user asks, user requested, user said, user wants to know, the user confirmed, \
    the user expressed, the user is in a meeting, the user wants the, the user wants a, \
    the user wants it, the user answered, the user agreed, the user replied";

/// Who wants something, of whom it matters what.
pub(super) const WISHES: &str = "user wants, user wanted";

/// What is a goal, and not a wish for an answer.
pub(super) const GOALS: &str = "\
    learn, become, move, buy, visit, travel, live, study, lose, gain, start, quit, stop, run, \
    retire, build, improve, save, eat, be";

/// What somebody needs now.
pub(super) const NEEDS: &str = "\
    i need a, i need an, i need the, i need to, i need some, i need this, i need it, \
    i need that, i need your, i need more, i need three, i need two, i must, i have to";

/// Words that point at something said or shown, at the end.
pub(super) const POINTING: &str =
    "it, this, that, these, those, them, one, ones, below, above, option, version, you, off";

/// The same, anywhere.
pub(super) const POINTING_INSIDE: &str = "\
    like this, love this, hate this, prefer this, want this, like it, love it, prefer that, \
    the second one, the first one, the other one, your answer, your last, your answers, \
    last message, previous message, what you, that you, attached, errors, the error, the log, \
    the bug, stack trace, timeout, if you used, if you could, if you would, your fix, the code, \
    the page, the button, the command";

/// About the talk itself, at the beginning.
pub(super) const OF_TALK: &str = "\
    i think so, i think that, i don t know, i do not know, i don t understand, \
    i do not understand, i don t think, i don t see, i see, i understand, i agree, i disagree, \
    i guess, i mean, i meant, i know, i hope, i forgot, i didn t, i did not, i can t see, \
    i can t find, i can t open, i cannot, i couldn t, i could not, i m sorry, i am sorry, \
    i m asking, i ll, i will, i tried, i ran, i got, i get an error, i get the, i clicked, \
    i pasted, i copied, i opened, i saw, i installed, i updated, i changed, i added, i just, \
    i already, i have tried, i ve tried, i said, i asked, i was talking, i am getting, \
    i m getting, i m seeing, i am seeing, my question, my code, my problem, my issue, my error, \
    my point, my request, my message, my function, my script, my test, my plan, that, it, this, \
    there, my file, my guess, my screen, my last, my next, my previous, my output, my build, \
    my log, my terminal, my browser, my bad, my answer, i keep getting, i think you, \
    i mean that, i want it";

/// What makes a statement one that passes.
pub(super) const PASSING: &str = "\
    today, tonight, right now, just now, for now, at the moment, this morning, this afternoon, \
    this evening, this week, yesterday, tomorrow, last night, in a minute, in an hour, \
    going to bed, a minute ago, an hour ago, soon, in a meeting, until four, just died, \
    ten minutes, five minutes, in a hurry, on the train, on the bus";

/// How somebody is, at the beginning.
pub(super) const MOODS: &str = "\
    i m tired, i am tired, i m hungry, i am hungry, i m bored, i am bored, i m happy, \
    i am happy, i m sad, i am sad, i m fine, i am fine, i m good, i am good, i m ok, i m okay, \
    i m busy, i am busy, i m back, i am back, i m here, i am here, i m ready, i am ready, \
    i m done, i am done, i m confused, i am confused, i m stuck, i am stuck, i m lost, \
    i am lost, i m sure, i m not sure, i am not sure, i m glad, i am glad, i m curious, \
    i am curious, i m late, i am late, i m sick, i m at, i am at, i feel, i m feeling, \
    i am feeling, i m having, i am having, i have a headache, i have a problem, \
    i have an issue, i have an error, i have a bug, i have an idea, i m going, i am going, \
    i m about to, i am about to, i m thinking, i m excited, i m worried";

/// Somebody speaks of themselves, or is spoken of.
pub(super) const OF_USER: &str =
    "i, me, my, mine, myself, we, our, ours, us, the user, user, the user s, users";

/// The same in writing without spaces.
pub(super) const OF_USER_UNSPACED: &str = "我, 私, 僕, 俺, 나는, 저는, 내가, 제가, ฉัน, ผม";

/// The same in other languages with spaces.
pub(super) const FOREIGN_OF_USER: &str = "\
    ich, mein, meine, meinen, meinem, meiner, mich, mir, wir, unser, unsere, je, j, mon, ma, \
    mes, moi, nous, notre, yo, mi, mis, soy, tengo, vivo, trabajo, prefiero, nuestra, nuestro, \
    eu, meu, minha, moro, sou, tenho, prefiro, io, mio, mia, sono, abito, preferisco, ik, mijn, \
    jag, min, mitt, ja, mam, mój, moja, jestem, я, мне, меня, мой, моя, моё, у меня, أنا, मैं, \
    मेरा, मेरी, ben, benim";

/// Something to be done now, in other languages.
pub(super) const FOREIGN_REQUESTS: &str = "\
    bitte, kannst du, könntest du, können sie, hilf mir, schreib, schreibe, zeig, zeige, danke, \
    brauche, merci, peux tu, pouvez vous, pourrais tu, aide moi, s il te plaît, \
    s il vous plaît, puedes, podrías, por favor, gracias, ayúdame, necesito, obrigado, \
    obrigada, podes, pode, preciso, puoi, grazie, per favore, aiutami, пожалуйста, спасибо, \
    помоги";

/// What passes, in other languages.
pub(super) const FOREIGN_PASSING: &str = "\
    heute, gerade, jetzt, morgen früh, gestern, aujourd hui, maintenant, hier, demain, hoy, \
    ahora, ayer, mañana, hoje, agora, ontem, amanhã, oggi, adesso, ieri, domani, сегодня, \
    сейчас, вчера, завтра";

/// How a question begins that has no mark.
pub(super) const QUESTIONS: &str = "\
    what is, what s, what are, what do, what does, what would, what should, what if, who is, \
    who are, who wrote, where is, where are, where do, where can, when is, when do, when does, \
    why is, why are, why do, why does, how do, how does, how can, how should, how is, how are, \
    how much, how many, how long, how to, which is, is it, is there, is this, is that, \
    are there, are you, do you, does it, did you, can i, can we, should i, should we, may i, \
    could i";

/// What statements about oneself are made of.
pub(super) const TELLING: &str = "\
    i m a, i m an, i m the, i m from, i m in, i m not a, i m vegan, i m left, i m right, \
    i m colour, i m color, i m hard of, i m married, i m single, i m divorced, i m retired, \
    i m learning, i m building, i m writing, i m working on, i m developing, i m planning, \
    i m studying, i m training, i m afraid of, i m called, i m based, i m years old, years old, \
    i am, we are, we re, we have, we live, we use, we own, we work, we speak, user is, \
    user has, user was, user lives, user works, user likes, user loves, user dislikes, \
    user hates, user drinks, user eats, user plays, user speaks, user uses, user wants to, \
    user owns, user drives, user studies, user studied, user runs, user goes, user enjoys, \
    user takes, user moved, user keeps, user reads, user does not, user doesn t, user cannot, \
    user can t, user calls, user needs, user grew, user teaches, user s, i have, i ve, i own, \
    i like, i love, i enjoy, i hate, i dislike, i don t like, i do not like, i can t stand, \
    i avoid, i don t eat, i do not eat, i don t drink, i do not drink, i can t eat, \
    i can t drink, i don t use, i don t have, i don t want, i eat, i drink, i live, i lived, \
    i moved, i work, i worked, i study, i studied, i graduated, i speak, i use, i drive, \
    i ride, i play, i grew up, i teach, i manage, i lead, i run a, i run the, i run my, \
    i run every, i own a, i take, i wear, i wake, i get up, i sleep, i read, i listen, i watch, \
    i cook, i code, i program, i write, i collect, i keep, i support, i follow, i go to, \
    i suffer, i quit, i stopped, i started, i began, i believe, i want to learn, \
    i want to become, i want to move, i want to be, i want to visit, i travel, i practise, \
    i practice, i volunteer, i sing, i paint, i swim, i fly, i d rather, i would rather, \
    my wife, my husband, my partner, my girlfriend, my boyfriend, my son, my daughter, \
    my child, my children, my kids, my mother, my mom, my mum, my father, my dad, my brother, \
    my sister, my parents, my family, my grandmother, my grandfather, my friend, \
    my best friend, my dog, my cat, my pet, my boss, my manager, my team, my company, \
    my employer, my job, my car, my bike, my house, my flat, my apartment, my home, \
    my phone number, my phone is, my laptop, my computer, my address, my email, my doctor, \
    my dentist, my time zone, my timezone, my native language, my mother tongue, my hobby, \
    my hobbies, my goal, my project, my garden, our team, our company, our house, our daughter, \
    our son, our dog, our cat, our wedding, our family, our product, our project, our office, \
    we adopted, i adopted, i did my, my pronouns, we celebrate, taught me, i m not a, \
    i won t eat";

/// What code is made of, and sentences are not.
pub(super) const SYMBOLS: &str = "{}[]<>=|\\_*#$^~`();:/&+";

/// Verbs of the past, and of the moment, that say nothing of what stays; others end in `ed`.
pub(super) const OF_PAST: &str = "\
    ran, got, saw, went, did, had, made, took, found, forgot, meant, said, told, thought, knew, wrote, came, \
    gave, left, lost, put, sent, tried, bought, broke, wish, promise, bet, doubt, suppose, assume, wonder, \
    mean, guess, hope, see, know, understand, agree, need, want, just, already, still, will, would, could, \
    should, can, cannot, may, might, must, won, couldn, didn, wasn, think, was, were, notice, feel, keep, \
    realise, realize, appreciate, remember, forget";

/// What commands begin with.
pub(super) const COMMANDS: &[&str] =
    &["npm ", "cargo ", "git ", "sudo ", "#!/", "pip ", "docker ", "$ "];

/// What logs have in them.
pub(super) const LOGS: &[&str] = &[
    "error[",
    "Error:",
    "ERR!",
    "Exception",
    "Traceback",
    "SELECT ",
    "INSERT INTO",
    "panicked at",
    "::",
    "=>",
    "->",
];
