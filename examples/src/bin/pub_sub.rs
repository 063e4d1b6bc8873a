//! Publish and subscribe: a broker hands every message of a topic to all who asked for the topic.
#![no_std]
#![no_main]

use burrow::collections::HashMap;
use burrow::prelude::*;
use burrow::sync::{RwLock, WaitGroup};

#[derive(Default)]
struct Broker {
    topics: RwLock<HashMap<&'static str, Vec<SendChan<Arc<str>>>>>,
}

impl Broker {
    /// All messages of that topic from now on; a slow reader may fall 16 behind.
    fn subscribe(&self, topic: &'static str) -> RecvChan<Arc<str>> {
        let (sender, messages) = Chan::new(16).split();
        self.topics.write().entry(topic).or_default().push(sender);
        messages
    }

    /// Hands out one text, shared by all; returns how many got it.
    fn publish(&self, topic: &str, text: &str) -> usize {
        let topics = self.topics.read();
        let Some(subscribers) = topics.get(topic) else { return 0 };
        let text: Arc<str> = text.into();
        subscribers.iter().for_each(|subscriber| subscriber.send(text.clone()));
        subscribers.len()
    }

    /// Ends all subscriptions.
    fn close(&self) {
        for (_, subscribers) in self.topics.write().drain() {
            subscribers.iter().for_each(SendChan::close);
        }
    }
}

#[burrow::main]
fn main() {
    let broker = Broker::default();
    let readers = WaitGroup::new();
    let (log, lines) = Chan::new(64).split();
    for (name, topic) in [("ada", "news"), ("bob", "news"), ("bob", "chess"), ("cyd", "chess")] {
        let (messages, log) = (broker.subscribe(topic), log.clone());
        readers.go(move || {
            for text in messages {
                log.send(format!("{name} reads in {topic}: {text}"));
            }
        });
    }

    for (topic, text) in [
        ("news", "a goroutine was preempted"),
        ("chess", "e2 e4"),
        ("chess", "e7 e5"),
        ("weather", "nobody wants to know"),
    ] {
        println!("{topic}: {} readers", broker.publish(topic, text));
    }
    broker.close();
    readers.wait();
    log.close();

    let mut lines: Vec<String> = lines.into_iter().collect();
    lines.sort();
    lines.iter().for_each(|line| println!("{line}"));
}
