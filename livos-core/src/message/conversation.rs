//! The messages of one conversation, append-only, with a place for their encoding.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::Message;

/// The messages a model is shown, in order.
///
/// It can only grow, and cloning it is cheap. Both let a provider encode each
/// message once: it keeps the bytes in the conversation's [`EncodingSlot`] and
/// adds what is new on the next turn. To change what was said (compaction,
/// a fork), build a new conversation.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    messages: Arc<Vec<Arc<Message>>>,
    encoding: EncodingSlot,
}

impl Conversation {
    /// A conversation without messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message at the end.
    pub fn push(&mut self, message: impl Into<Arc<Message>>) {
        Arc::make_mut(&mut self.messages).push(message.into());
    }

    /// Where a provider keeps its encoding of this conversation between turns.
    pub fn encoding(&self) -> &EncodingSlot {
        &self.encoding
    }
}

impl Deref for Conversation {
    type Target = [Arc<Message>];

    fn deref(&self) -> &Self::Target {
        &self.messages
    }
}

impl<M: Into<Arc<Message>>> FromIterator<M> for Conversation {
    fn from_iter<I: IntoIterator<Item = M>>(messages: I) -> Self {
        Self {
            messages: Arc::new(messages.into_iter().map(Into::into).collect()),
            encoding: EncodingSlot::default(),
        }
    }
}

/// A place for one value of a provider's choosing, shared by all clones of a conversation.
///
/// A provider takes its value out, checks that it still fits (the last message
/// it encoded must be the same `Arc` at the same place: clones may have grown
/// apart), extends it, and puts it back. Another provider's value is replaced.
#[derive(Clone, Default)]
pub struct EncodingSlot(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl EncodingSlot {
    /// Takes the value out if there is one of this type.
    pub fn take<T: Any + Send>(&self) -> Option<Box<T>> {
        self.lock().take()?.downcast().ok()
    }

    /// Puts a value in, dropping the one before.
    pub fn put<T: Any + Send>(&self, value: Box<T>) {
        *self.lock() = Some(value);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        // A panic cannot leave the slot half-written: it is moved in and out whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EncodingSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodingSlot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_keeps_what_it_had_when_the_original_grows() {
        let mut conversation = Conversation::from_iter([Message::user("one")]);
        let before = conversation.clone();
        conversation.push(Message::assistant("two"));
        assert_eq!((before.len(), conversation.len()), (1, 2));
    }

    #[test]
    fn a_slot_gives_back_only_the_type_that_was_put() {
        let slot = EncodingSlot::default();
        slot.put(Box::new(7_u32));
        assert_eq!(slot.clone().take::<u32>().as_deref(), Some(&7));
        slot.put(Box::new("text"));
        assert!(slot.take::<u32>().is_none());
    }
}
