//! A chat among goroutines: the room is one goroutine that owns the list of members, and everyone
//! talks to it by channels. No lock is needed, because nothing is shared.
#![no_std]
#![no_main]

use burrow::prelude::*;

/// Who is in the room, and where to tell them.
struct Member {
    name: &'static str,
    inbox: SendChan<Arc<str>>,
}

/// The doors of the room.
#[derive(Clone)]
struct Room {
    join: SendChan<Member>,
    say: SendChan<(&'static str, String)>,
    leave: SendChan<&'static str>,
}

impl Room {
    fn open() -> Self {
        let (join, joining) = Chan::<Member>::new(0).split();
        let (say, said) = Chan::new(0).split();
        let (leave, leaving) = Chan::new(0).split();
        go(move || {
            let mut members: Vec<Member> = Vec::new();
            loop {
                let line = select! {
                    member = joining.recv() => {
                        let Some(member) = member else { return };
                        let line = format!("{} comes in", member.name);
                        members.push(member);
                        line
                    }
                    said = said.recv() => match said {
                        Some((name, text)) => format!("{name}: {text}"),
                        None => return,
                    },
                    name = leaving.recv() => {
                        let Some(name) = name else { return };
                        let (gone, stay) = members.into_iter().partition(|m| m.name == name);
                        members = stay;
                        let gone: Vec<Member> = gone;
                        gone.iter().for_each(|member| member.inbox.close());
                        format!("{name} goes")
                    }
                };
                let line: Arc<str> = line.into();
                members.iter().for_each(|member| member.inbox.send(line.clone()));
            }
        });
        Self { join, say, leave }
    }

    /// Comes in.
    fn enter(&self, name: &'static str) -> Visitor {
        let (inbox, lines) = Chan::new(16).split();
        self.join.send(Member { name, inbox });
        Visitor { name, room: self.clone(), lines }
    }
}

/// Somebody who is in the room.
struct Visitor {
    name: &'static str,
    room: Room,
    lines: RecvChan<Arc<str>>,
}

impl Visitor {
    /// Says something on a cue, leaves on another; returns what was heard.
    fn stay(self, cue: &str, words: &str, enough: &str) -> Vec<Arc<str>> {
        let hear = |line: &Arc<str>| {
            if **line == *cue {
                self.room.say.send((self.name, words.into()));
            } else if **line == *enough {
                self.room.leave.send(self.name);
            }
        };
        self.lines.iter().inspect(hear).collect()
    }
}

#[burrow::main]
fn main() {
    let room = Room::open();
    let (ada, bob) = (room.enter("Ada"), room.enter("Bob"));
    let ada = spawn(move || ada.stay("Bob comes in", "is anybody there?", "Bob: good evening"));
    let bob = spawn(move || bob.stay("Ada: is anybody there?", "good evening", "Ada goes"));
    println!("Ada heard {:?}", ada.join().unwrap_or_default());
    println!("Bob heard {:?}", bob.join().unwrap_or_default());
}
