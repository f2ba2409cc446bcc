//! The event log of a run that is under way: the file, and the thread that encodes what the hooks hand over.
//!
//! The hooks' buffers go through a short queue to one thread, which feeds them to [`clew_trace::log::Writer`]. When the
//! queue is full, handing over waits, so that memory stays bounded. The thread is made when it is first needed and ended
//! by [`EventFile::pause`], so that a program that forks does so with its own threads only.
//!
//! Invariants: no file is open between writes (the program may close every descriptor); a forked child writes nothing;
//! what was handed over is in the file within about a second, so that a killed process loses little.

use crate::{Error, Result};
use clew_trace::log::{Keep, LogSummary, RawEvent, Reader, Tables, Writer};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Buffers that may wait for the thread. With buffers of 4096 events this is 2 MiB.
const QUEUE: usize = 16;
/// A block that is not full is written after this time all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// An event log that is being written.
pub struct EventFile {
    state: Mutex<State>,
    process: u32,
}

enum State {
    /// Nothing is under way.
    Idle(Box<Writer<Reopened>>),
    /// The thread has the writer.
    Busy(Worker),
    /// The log was finished, or belongs to the parent process.
    Over,
}

struct Worker {
    queue: SyncSender<Message>,
    used: Receiver<Vec<RawEvent>>,
    thread: JoinHandle<Option<Box<Writer<Reopened>>>>,
}

enum Message {
    Begin(Box<Writer<Reopened>>),
    Events(u16, Vec<RawEvent>),
    Tables(Tables),
    Flush,
}

impl EventFile {
    /// Makes the file, which must not exist. At most `cap_bytes` of events are kept.
    pub fn create(path: &Path, cap_bytes: u64, keep: Keep) -> Result<Self> {
        let made = std::path::absolute(path).and_then(|path| {
            OpenOptions::new().write(true).create_new(true).open(&path)?;
            Ok(Reopened { path, position: 0 })
        });
        let access = |e: &io::Error| Error::from_io(path, path, e);
        let out = made.map_err(|e| access(&e))?;
        let writer = Writer::new(out, cap_bytes, keep).map_err(|e| access(&io::Error::other(e)))?;
        Ok(Self { state: Mutex::new(State::Idle(Box::new(writer))), process: std::process::id() })
    }

    /// Hands over the next events of a thread; gives an empty buffer to go on with.
    pub fn push(&self, thread: u16, events: Vec<RawEvent>) -> Vec<RawEvent> {
        if events.is_empty() {
            return events;
        }
        let capacity = events.capacity();
        let mut state = self.state();
        let used = match state.worker() {
            Some(worker) => {
                let _ = worker.queue.send(Message::Events(thread, events));
                worker.used.try_recv().ok()
            }
            None => match &mut *state {
                State::Idle(writer) => {
                    writer.push(thread, &events);
                    Some(events)
                }
                State::Busy(_) | State::Over => Some(events),
            },
        };
        let mut buffer = used.unwrap_or_default();
        buffer.clear();
        buffer.reserve_exact(capacity);
        buffer
    }

    /// Adds names, sites, sources and threads.
    pub fn add_tables(&self, more: Tables) {
        let mut state = self.state();
        match &mut *state {
            State::Idle(writer) => writer.add_tables(more),
            State::Busy(worker) => drop(worker.queue.send(Message::Tables(more))),
            State::Over => {}
        }
    }

    /// Asks for what was handed over to be written soon.
    pub fn flush(&self) {
        match &mut *self.state() {
            State::Idle(writer) => writer.flush(),
            // A full queue means that blocks are being written anyway.
            State::Busy(worker) => drop(worker.queue.try_send(Message::Flush)),
            State::Over => {}
        }
    }

    /// Waits until everything is written and ends the thread. The next [`EventFile::push`] makes it anew.
    /// To be called before the process forks.
    pub fn pause(&self) {
        let mut state = self.state();
        *state = match std::mem::replace(&mut *state, State::Over) {
            State::Busy(worker) => {
                drop(worker.queue);
                // A thread that panicked took the writer with it; the log ends there.
                worker.thread.join().ok().flatten().map_or(State::Over, State::Idle)
            }
            state => state,
        };
    }

    /// Ends the log. Gives nothing when it had ended before, or belongs to the parent process.
    pub fn finish(&self) -> Option<LogSummary> {
        self.pause();
        match std::mem::replace(&mut *self.state(), State::Over) {
            State::Idle(writer) if self.is_ours() => Some(writer.finish().0),
            _ => None,
        }
    }

    fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_ours() {
            // The thread stayed in the parent, and so does the file. The parts are leaked: joining would never end.
            std::mem::forget(std::mem::replace(&mut *state, State::Over));
        }
        state
    }
}

impl State {
    /// The thread, made if need be; nothing when there is no log any more or no thread to be had.
    fn worker(&mut self) -> Option<&Worker> {
        if matches!(self, Self::Idle(_)) {
            let Self::Idle(writer) = std::mem::replace(self, Self::Over) else { return None };
            *self = Worker::start(writer);
        }
        match self {
            Self::Busy(worker) => Some(worker),
            Self::Idle(_) | Self::Over => None,
        }
    }
}

impl Worker {
    fn start(writer: Box<Writer<Reopened>>) -> State {
        let (queue, messages) = sync_channel(QUEUE);
        let (give_back, used) = sync_channel(QUEUE);
        // The writer follows by the queue, so that it is not lost when no thread can be made.
        let body = move || {
            let Ok(Message::Begin(mut writer)) = messages.recv() else { return None };
            encode(&mut writer, &messages, &give_back);
            Some(writer)
        };
        match std::thread::Builder::new().name("clew-log".to_owned()).spawn(body) {
            Ok(thread) => match queue.send(Message::Begin(writer)) {
                Ok(()) => State::Busy(Self { queue, used, thread }),
                Err(_) => State::Over,
            },
            Err(_) => State::Idle(writer),
        }
    }
}

/// The thread's work, until the other end of the queue is gone.
fn encode(writer: &mut Writer<Reopened>, messages: &Receiver<Message>, give_back: &SyncSender<Vec<RawEvent>>) {
    let mut written = Instant::now();
    let mut pending = false;
    loop {
        let wait = if pending { PATIENCE.saturating_sub(written.elapsed()) } else { Duration::MAX };
        match messages.recv_timeout(wait) {
            Ok(Message::Events(thread, mut events)) => {
                if !pending {
                    written = Instant::now();
                }
                pending = true;
                writer.push(thread, &events);
                events.clear();
                if let Err(TrySendError::Full(events) | TrySendError::Disconnected(events)) = give_back.try_send(events)
                {
                    drop(events);
                }
            }
            Ok(Message::Tables(more)) => writer.add_tables(more),
            Ok(Message::Begin(_)) => {}
            Ok(Message::Flush) | Err(RecvTimeoutError::Timeout) => {
                writer.flush();
                pending = false;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    writer.flush();
}

/// A file that is opened for each write, at a position of our own.
struct Reopened {
    path: PathBuf,
    position: u64,
}

impl Write for Reopened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(self.position))?;
        let n = file.write(bytes)?;
        self.position += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Reopened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => (std::fs::metadata(&self.path)?.len(), by),
        };
        self.position = base.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Opens an event log for reading, finished or not.
pub fn read_events(path: &Path) -> Result<Reader<BufReader<File>>> {
    let file = File::open(path).map_err(|e| Error::from_io(path, path, &e))?;
    Reader::open(BufReader::new(file)).map_err(|e| Error::Access { path: path.to_owned(), reason: e.to_string() })
}
