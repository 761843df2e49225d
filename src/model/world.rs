//! Everything that a sequence happens to: the store, the catalog, what was delivered, the processes, and who of them waits
//! for what.

use super::catalog::{Entries, LateCall, ModelCatalog};
use super::check::Checker;
use super::gate::{Arrival, End, Gate};
use super::process::{Ended, Hands, Job, work};
use super::script::Step;
use super::store::{Disk, Late, Store};
use super::truth::Home;
use crate::sabotage::{Broken, broken};
use crate::table::{FileSet, Partition, PartitionKey};
use base64::Engine;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::PutMode;
use object_store::path::Path;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// Operations that a process may make before it is said not to end.
const ENDLESS: usize = 4000;

pub(super) struct World {
    pub(super) disk: Arc<Disk>,
    pub(super) entries: Arc<Entries>,
    pub(super) checker: Checker,
    /// What happened, for people.
    pub(super) log: Vec<String>,
    late_writes: Arc<Mutex<Vec<Late>>>,
    late_calls: Arc<Mutex<Vec<LateCall>>>,
    processes: Vec<Process>,
    started: usize,
    delivered: usize,
    arrivals: UnboundedReceiver<Arrival>,
    door: UnboundedSender<Arrival>,
    /// Whether processes stop before every operation.
    at_each: bool,
    /// Whether anything failed: then the catalog may lag behind the ledger until the next run.
    failed: bool,
}

struct Process {
    number: usize,
    name: String,
    task: JoinHandle<Ended>,
    waiting: VecDeque<Arrival>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.processes.iter().for_each(|process| process.task.abort());
    }
}

impl World {
    pub(super) fn new() -> Self {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let (door, arrivals) = unbounded_channel();
        World {
            disk: Arc::new(Disk::new(now, broken(Broken::AttemptReused))),
            entries: Arc::default(),
            checker: Checker::default(),
            log: Vec::new(),
            late_writes: Arc::default(),
            late_calls: Arc::default(),
            processes: Vec::new(),
            started: 0,
            delivered: 0,
            arrivals,
            door,
            at_each: false,
            failed: false,
        }
    }

    /// From now on processes stop before every operation, also before those that nobody sees.
    pub(super) fn stop_at_each(&mut self, at_each: bool) {
        self.at_each = at_each;
    }

    /// How many processes have not ended.
    pub(super) fn running(&self) -> usize {
        self.processes.len()
    }

    /// One step of the script; what it breaks.
    pub(super) async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Deliver { days, hours_late } => self.deliver(*days, *hours_late).await,
            Step::Forbid => self.forbid(),
            Step::Mend => self.disk.forbid(None),
            Step::Start(job) => self.start(job).await?,
            Step::Run(job) => {
                self.start(job).await?;
                self.finish(self.processes.len().wrapping_sub(1)).await?;
            }
            Step::Go { process, gates, end } => self.go(*process, *gates, *end).await?,
            Step::Finish(process) => {
                if let Some(at) = self.choose(*process) {
                    self.finish(at).await?;
                }
            }
            Step::Kill(process) => self.kill(*process),
            Step::Land(which) => self.land(*which).await,
            Step::Pass(minutes) => self.pass(TimeDelta::minutes(*minutes)),
        }
        self.check().await
    }

    async fn check(&mut self) -> Result<(), String> {
        self.checker.check(&self.disk, &self.entries).await
    }

    fn choose(&self, process: usize) -> Option<usize> {
        (!self.processes.is_empty()).then(|| process % self.processes.len())
    }

    /// An object with a record for each day of a set of days; some are undecodable, and some are failed records of Firehose with one
    /// inside.
    async fn deliver(&mut self, days: u8, hours_late: u8) {
        let number = self.delivered;
        self.delivered += 1;
        let delivered = self.disk.now() - TimeDelta::hours(hours_late.into());
        let at = delivered.format("%Y-%m-%d-%H-%M-%S");
        let key =
            format!("landing/{}/s-1-{at}-{number:08}-0000-4000-8000-000000000000", delivered.format("%Y/%m/%d/%H"));
        let url = format!("memory:///{key}");
        let mut body = String::new();
        for (record, day) in (0..3).filter(|day| days >> day & 1 == 1).enumerate() {
            let rejected = (number + record) % 5 == 4;
            let time: DateTime<Utc> = format!("2026-11-{:02}T01:00:00Z", 18 + day).parse().unwrap();
            let failed = (number + record) % 5 == 3;
            let whole = format!("{{\"id\":\"{number}-{record}\",\"ts\":\"{}\"}}", time.format("%Y-%m-%dT%H:%M:%SZ"));
            body += &match (rejected, failed) {
                (true, _) => format!("{{\"id\":\"{number}-{record}\",\"ts\":\n"),
                (_, true) => failed_record(&format!("{number}-{record}"), &whole),
                _ => format!("{whole}\n"),
            };
            let day = |time| Partition::of(&[PartitionKey::by_day()], time);
            let (set, at) = if rejected || failed { (FileSet::Rejected, delivered) } else { (FileSet::Data, time) };
            let home = Home { url: url.clone(), set, partition: day(at), opened: failed.then(|| day(time)) };
            self.checker.homes.insert((number, record), home);
        }
        self.checker.objects.push(url);
        self.log.push(format!("delivered: object {number}, days {days:03b}, {hours_late} h late"));
        _ = self.disk.put(&Path::from(key), body.into(), PutMode::Create).await;
    }

    /// The newest object may not be read.
    fn forbid(&mut self) {
        if let Some(url) = self.checker.objects.last() {
            self.log.push(format!("forbidden: {url}"));
            self.disk.forbid(Some(Path::from(url.trim_start_matches("memory:///"))));
        }
    }

    fn pass(&mut self, time: TimeDelta) {
        self.log.push(format!("{} minutes pass", time.num_minutes()));
        self.disk.pass(time);
    }

    /// What a process works with.
    fn hands(&self, number: usize) -> Hands {
        let gate = Gate { process: number, arrivals: self.door.clone() };
        let (disk, late) = (self.disk.clone(), self.late_writes.clone());
        let catalog = ModelCatalog {
            entries: self.entries.clone(),
            disk: disk.clone(),
            gate: gate.clone(),
            late: self.late_calls.clone(),
        };
        let now = self.disk.now();
        let store = Store { disk, gate: gate.clone(), late, at_each: self.at_each };
        Hands { store: Arc::new(store), catalog: Arc::new(catalog), gate, now }
    }

    async fn start(&mut self, job: &Job) -> Result<(), String> {
        let number = self.started;
        self.started += 1;
        let name = format!("{number} {job:?}");
        self.log.push(format!("process {name} starts"));
        let task = tokio::task::spawn_local(work(job.clone(), self.hands(number)));
        self.processes.push(Process { number, name, task, waiting: VecDeque::new() });
        self.settle(self.processes.len() - 1).await
    }

    /// The process goes through so many gates, the last of which ends as given.
    async fn go(&mut self, process: usize, gates: usize, end: End) -> Result<(), String> {
        let Some(at) = self.choose(process) else { return Ok(()) };
        let number = self.processes[at].number;
        for left in (0..gates.max(1)).rev() {
            let Some(at) = self.processes.iter().position(|process| process.number == number) else { return Ok(()) };
            self.gate(at, if left == 0 { end } else { End::Done }).await?;
        }
        Ok(())
    }

    async fn finish(&mut self, at: usize) -> Result<(), String> {
        let Some(number) = self.processes.get(at).map(|process| process.number) else { return Ok(()) };
        for _ in 0..ENDLESS {
            let Some(at) = self.processes.iter().position(|process| process.number == number) else { return Ok(()) };
            self.gate(at, End::Done).await?;
        }
        Err(format!("process {number} does not end"))
    }

    /// One operation of a process, and on to its next.
    async fn gate(&mut self, at: usize, end: End) -> Result<(), String> {
        self.failed |= end != End::Done;
        if let Some(arrival) = self.processes[at].waiting.pop_front() {
            let told = if end == End::Done { String::new() } else { format!(" — {end:?}") };
            self.log.push(format!("  process {} {}{told}", self.processes[at].name, arrival.told));
            _ = arrival.end.send(end);
        }
        self.settle(at).await?;
        self.check().await
    }

    /// Until the process stands at a gate again, or is at its end.
    async fn settle(&mut self, at: usize) -> Result<(), String> {
        if !self.processes[at].waiting.is_empty() {
            // Others of its operations wait already: it may get no further before they end.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        loop {
            while let Ok(arrival) = self.arrivals.try_recv() {
                self.arrived(arrival);
            }
            if !self.processes[at].waiting.is_empty() {
                return Ok(());
            }
            let process = &mut self.processes[at];
            tokio::select! {
                biased;
                Some(arrival) = self.arrivals.recv() => self.arrived(arrival),
                ended = &mut process.task => {
                    let ended = ended.unwrap_or_else(|error| Ended::Broken(format!("panicked: {error}")));
                    self.log.push(format!("process {} ended: {ended}", process.name));
                    self.processes.remove(at);
                    return self.ended(ended);
                }
            }
        }
    }

    /// I4: where all ran to their ends and nothing failed, the catalog says what the ledger says.
    fn ended(&mut self, ended: Ended) -> Result<(), String> {
        match ended {
            Ended::Broken(what) => return Err(what),
            Ended::Failed(_) => self.failed = true,
            Ended::Well(_) => {}
        }
        if self.processes.is_empty() && !self.failed { self.checker.is_published(&self.entries) } else { Ok(()) }
    }

    fn arrived(&mut self, arrival: Arrival) {
        if let Some(process) = self.processes.iter_mut().find(|process| process.number == arrival.process) {
            process.waiting.push_back(arrival);
        }
    }

    fn kill(&mut self, process: usize) {
        if let Some(at) = self.choose(process) {
            let process = self.processes.remove(at);
            self.failed = true;
            self.log.push(format!("process {} dies", process.name));
            process.task.abort();
        }
    }

    /// A write or a call that was under way takes effect.
    async fn land(&mut self, which: usize) {
        let (writes, calls) = (self.late_writes.lock().unwrap().len(), self.late_calls.lock().unwrap().len());
        match which.checked_rem(writes + calls) {
            Some(at) if at < writes => {
                let late = self.late_writes.lock().unwrap().remove(at);
                self.log.push(format!("lands late: {late:?}").chars().take(160).collect());
                self.disk.land(late).await;
            }
            Some(at) => {
                let late = self.late_calls.lock().unwrap().remove(at - writes);
                let landed = self.entries.land(&late, self.disk.now());
                self.log.push(format!("lands late: {late:?} {landed:?}").chars().take(200).collect());
            }
            None => {}
        }
    }

    /// All processes die, all that is under way lands, all can be read again; then the scheduled run, twice, and everything is
    /// compacted, nothing waits, and the catalog says what the ledger says.
    pub(super) async fn end(&mut self) -> Result<(), String> {
        while !self.processes.is_empty() {
            self.kill(0);
        }
        while !(self.late_writes.lock().unwrap().is_empty() && self.late_calls.lock().unwrap().is_empty()) {
            self.land(0).await;
            self.check().await?;
        }
        self.disk.forbid(None);
        for _ in 0..2 {
            self.step(&Step::Run(Job::Resume)).await?;
            self.step(&Step::Run(Job::Compact)).await?;
            // Beyond what may be under way, and to the next listing of everything.
            self.pass(TimeDelta::hours(25));
        }
        self.step(&Step::Run(Job::Publish)).await?;
        self.checker.at_rest(&self.entries)?;
        self.step(&Step::Run(Job::Load)).await
    }
}

/// The envelope of a record that Firehose could not deliver.
fn failed_record(id: &str, record: &str) -> String {
    let raw = base64::engine::general_purpose::STANDARD.encode(record);
    format!("{{\"id\":\"{id}\",\"attemptsMade\":4,\"errorCode\":\"x\",\"rawData\":\"{raw}\"}}\n")
}
