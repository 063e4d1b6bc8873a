//! Why a goroutine waits, in the words of Go's tracebacks. Go: `waitReason`.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// See the module's text.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum WaitReason {
            $($(#[$doc])* $name,)*
        }

        const ALL: &[WaitReason] = &[$(WaitReason::$name,)*];

        impl WaitReason {
            /// The text in a goroutine's header.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// Nothing known.
    Zero = "waiting",
    /// Receiving from a channel.
    ChanReceive = "chan receive",
    /// Sending to a channel.
    ChanSend = "chan send",
    /// Receiving from a nil channel, for ever.
    ChanReceiveNil = "chan receive (nil chan)",
    /// Sending to a nil channel, for ever.
    ChanSendNil = "chan send (nil chan)",
    /// Several channel operations.
    Select = "select",
    /// No channel operation, for ever.
    SelectNoCases = "select (no cases)",
    /// A time.
    Sleep = "sleep",
    /// A device.
    IoWait = "IO wait",
    /// A semaphore.
    Semacquire = "semacquire",
    /// A mutex.
    MutexLock = "sync.Mutex.Lock",
    /// A read lock.
    RwMutexRLock = "sync.RWMutex.RLock",
    /// A write lock.
    RwMutexLock = "sync.RWMutex.Lock",
    /// A wait group.
    WaitGroupWait = "sync.WaitGroup.Wait",
    /// A condition.
    CondWait = "sync.Cond.Wait",
    /// Waiting until the other goroutines have stopped.
    StoppingTheWorld = "stopping the world",
    /// The end of the program, which a panic is about to bring.
    PanicWait = "panicwait",
    /// Stopped by a preemption.
    Preempted = "preempted",
}

impl WaitReason {
    /// Back from the word that a G keeps.
    pub fn from_word(word: u8) -> Self {
        ALL.get(word as usize).copied().unwrap_or(Self::Zero)
    }
}
