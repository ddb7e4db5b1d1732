//! The registry compared with a model, and under several threads.

use std::convert::Infallible;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;

const COOL_DOWN: Duration = Duration::from_secs(10);

fn registry(capacity: usize, burst: u32) -> Registry<()> {
    Registry::new(capacity, Admission::new(burst, COOL_DOWN), [])
}

fn admit(registry: &Registry<()>, issuer: &str, now: Duration) -> Result<(), Duration> {
    let is_known = issuer.starts_with("known");
    match registry.admit(issuer, is_known, now, |_| Ok::<_, Infallible>(())) {
        Ok(_) => Ok(()),
        Err(NotAdmitted::Later(wait)) => Err(wait),
        Err(NotAdmitted::Failed(never)) => match never {},
    }
}

fn names(registry: &Registry<()>) -> Vec<String> {
    let mut names: Vec<_> = registry
        .all()
        .iter()
        .map(|kept| kept.issuer.to_string())
        .collect();
    names.sort();
    names
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_shares_add_up_to_the_capacity() {
    for capacity in 2..2_000 {
        let shares = Shares::of(capacity);
        assert_eq!(shares.proven + shares.unproven, capacity);
        assert!(shares.proven > 0 && shares.unproven > 0, "{shares:?}");
        assert!(shares.unproven <= MOST_UNPROVEN);
    }
    assert_eq!(
        Shares::of(1_000),
        Shares {
            proven: 936,
            unproven: 64
        }
    );
}

#[test]
fn the_least_recently_used_issuer_is_evicted() {
    let registry = registry(8, 1_000); // 6 and 2
    admit(&registry, "a", at(100)).unwrap();
    admit(&registry, "b", at(101)).unwrap();
    registry.get("a").unwrap().named(at(102));
    admit(&registry, "c", at(103)).unwrap();
    assert_eq!(names(&registry), ["a", "c"]);
}

#[test]
fn within_a_second_the_first_admitted_is_evicted() {
    let registry = registry(8, 1_000);
    for name in ["a", "b", "c"] {
        admit(&registry, name, at(100)).unwrap();
    }
    assert_eq!(names(&registry), ["b", "c"]);
}

#[test]
fn invented_names_evict_only_each_other() {
    let registry = registry(100, 1_000_000);
    for n in 0..75 {
        let name = format!("proven {n:02}");
        admit(&registry, &name, at(100)).unwrap();
        registry.get(&name).unwrap().verified(at(100));
    }
    for n in 0..10_000 {
        admit(&registry, &format!("made up {n}"), at(101 + n)).unwrap();
        assert!(registry.all().len() <= 100);
    }
    let (proven, made_up): (Vec<_>, Vec<_>) = registry
        .all()
        .into_iter()
        .partition(|kept| kept.is_proven());
    assert_eq!((proven.len(), made_up.len()), (75, 25));
}

#[test]
fn the_proven_issuer_that_was_admitted_last_is_evicted() {
    let registry = registry(2, 1_000); // 1 and 1
    admit(&registry, "old", at(100)).unwrap();
    registry.get("old").unwrap().verified(at(100));
    admit(&registry, "new", at(101)).unwrap();
    registry.get("new").unwrap().verified(at(101));
    registry.get("new").unwrap().verified(at(149));
    registry.get("new").unwrap().named(at(150));
    admit(&registry, "newest", at(151)).unwrap();
    assert_eq!(names(&registry), ["newest", "old"]);
    // It has no precedence when it comes back.
    assert_eq!(registry.remembered(), ["old".into(), "new".into()]);
    for round in 0..100 {
        let now = at(200 + 20 * round);
        admit(&registry, "new", now).unwrap();
        registry.get("new").unwrap().verified(now);
        admit(&registry, &format!("made up {round}"), now).unwrap();
        assert!(registry.get("old").is_some());
    }
}

#[test]
fn known_issuers_are_evicted_only_for_each_other() {
    let registry = registry(8, 1_000); // 6 and 2
    for n in 0..7 {
        let name = format!("proven {n}");
        admit(&registry, &name, at(100)).unwrap();
        registry.get(&name).unwrap().verified(at(100));
    }
    for n in 0..6 {
        admit(&registry, &format!("known {n}"), at(200)).unwrap();
        registry.get("known 0").unwrap().verified(at(200));
    }
    let known: Vec<_> = (0..6).map(|n| format!("known {n}")).collect();
    assert_eq!(names(&registry), known);
    for n in 6..100 {
        admit(&registry, &format!("known {n}"), at(200 + n)).unwrap();
        admit(&registry, &format!("made up {n}"), at(200 + n)).unwrap();
        assert!(registry.get("known 0").is_some(), "it is proven");
        assert!(registry.all().len() <= 8);
    }
}

#[test]
fn issuers_that_were_proven_do_not_push_each_other_out_when_they_come_back() {
    let before: Vec<Arc<str>> = (0..100).map(|n| format!("{n:02}").into()).collect();
    let registry = Registry::new(200, Admission::new(1, COOL_DOWN), before.clone());
    for issuer in &before {
        admit(&registry, issuer, at(100)).unwrap();
    }
    assert_eq!(registry.all().len(), 100);
    assert_eq!(registry.remembered(), before);
    // At most as many as the capacity are remembered.
    let many = (0..1_000).map(|n| format!("{n}").into());
    let registry: Registry<()> = Registry::new(8, Admission::new(1, COOL_DOWN), many);
    assert_eq!(registry.remembered().len(), 8);
    for n in 0..1_000 {
        admit(&registry, &format!("known {n}"), at(100 + n)).unwrap();
        registry
            .get(&format!("known {n}"))
            .unwrap()
            .verified(at(100 + n));
    }
    assert!(registry.remembered().len() <= 16);
}

#[test]
fn removal_and_return_do_not_shorten_the_cool_down() {
    let registry = registry(4, 1_000); // 3 and 1
    admit(&registry, "victim", at(100)).unwrap();
    admit(&registry, "other", at(101)).unwrap();
    assert_eq!(admit(&registry, "victim", at(102)), Err(at(9)));
    assert_eq!(names(&registry), ["other"]);
    admit(&registry, "victim", at(111)).unwrap();
    assert_eq!(
        registry.retain(at(112), |kept| &*kept.issuer != "victim"),
        1
    );
    assert_eq!(admit(&registry, "victim", at(113)), Err(at(9)));
}

#[test]
fn a_failed_make_adds_nothing() {
    let registry = registry(4, 1_000);
    admit(&registry, "a", at(100)).unwrap();
    let failed = registry.admit("b", false, at(100), |_| Err("no"));
    assert!(matches!(failed, Err(NotAdmitted::Failed("no"))));
    assert_eq!(names(&registry), ["a"]);
}

#[test]
fn a_clock_set_back_does_not_change_the_last_use() {
    let registry = registry(4, 1_000);
    admit(&registry, "a", at(100)).unwrap();
    let a = registry.get("a").unwrap();
    a.verified(at(50));
    assert_eq!(a.last_used(), 100);
}

#[derive(Clone, Debug)]
enum Step {
    Admit(u8),
    Named(u8),
    Verified(u8),
    GiveUp(u8),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..24).prop_map(Step::Admit),
        2 => (0_u8..24).prop_map(Step::Named),
        2 => (0_u8..24).prop_map(Step::Verified),
        1 => (0_u8..24).prop_map(Step::GiveUp),
        2 => (0_u64..4).prop_map(Step::Pass),
    ]
}

/// The registry as a plain list.
#[derive(Default)]
struct Model {
    /// In order of admission.
    kept: Vec<Entry>,
    /// Name and time of removal.
    given_up: Vec<(String, u64)>,
    /// The last issuers that were removed after they were proven.
    remembered: Vec<String>,
    most: usize,
}

#[derive(Clone)]
struct Entry {
    name: String,
    favoured: bool,
    proven: bool,
    used: u64,
}

impl Model {
    /// The index of the regular or other entry that is evicted first.
    fn last(&self, regular: bool) -> Option<usize> {
        let class = self.kept.iter().enumerate();
        let class = class.filter(|(_, kept)| (kept.favoured || kept.proven) == regular);
        let (index, _) = class.min_by_key(|(index, kept)| {
            let order = if kept.proven { usize::MAX - index } else { 0 };
            let used = if kept.proven { 0 } else { kept.used };
            (
                kept.name.starts_with("known"),
                kept.proven,
                order,
                used,
                *index,
            )
        })?;
        Some(index)
    }

    fn count(&self, regular: bool) -> usize {
        let class = self.kept.iter();
        class
            .filter(|kept| (kept.favoured || kept.proven) == regular)
            .count()
    }

    fn admit(&mut self, name: &str, shares: Shares, now: u64) {
        let is_known = name.starts_with("known");
        let mut favoured = is_known || self.remembered.iter().any(|before| before == name);
        if favoured && self.count(true) >= shares.proven {
            let last = &self.kept[self.last(true).unwrap()];
            favoured = (last.name.starts_with("known"), last.proven) <= (is_known, false);
        }
        let mut room = [shares.unproven, shares.proven];
        room[usize::from(favoured)] -= 1;
        for regular in [false, true] {
            while self.count(regular) > room[usize::from(regular)] {
                let last = self.last(regular).unwrap();
                self.give_up(&self.kept[last].name.clone(), now);
            }
        }
        self.kept.push(Entry {
            name: name.to_owned(),
            favoured,
            proven: false,
            used: now,
        });
    }

    fn give_up(&mut self, name: &str, now: u64) {
        let Some(index) = self.kept.iter().position(|kept| kept.name == name) else {
            return;
        };
        let gone = self.kept.remove(index);
        self.given_up.push((gone.name.clone(), now));
        if gone.proven && !self.remembered.contains(&gone.name) {
            self.remembered.push(gone.name);
            let over = self.remembered.len().saturating_sub(self.most);
            self.remembered.drain(..over);
        }
    }
}

proptest! {
    #[test]
    fn it_behaves_like_the_model(capacity in 2_usize..20,
        steps in prop::collection::vec(step(), 1..300)) {
        let shares = Shares::of(capacity);
        let registry = registry(capacity, u32::MAX);
        let (mut model, mut now) = (Model { most: capacity, ..Model::default() }, 100);
        let called = |name: u8| format!("{}{name}", if name < 6 { "known " } else { "" });
        for step in steps {
            match step {
                Step::Pass(seconds) => now += seconds,
                Step::Admit(name) => {
                    let name = called(name);
                    let rests = model.given_up.iter()
                        .any(|(got, when)| *got == name && now - when < 10);
                    let kept = model.kept.iter().any(|kept| kept.name == name);
                    if !kept && !rests {
                        model.admit(&name, shares, now);
                    }
                    prop_assert_eq!(admit(&registry, &name, at(now)).is_ok(), kept || !rests);
                }
                Step::Named(name) => {
                    let name = called(name);
                    if let Some(kept) = model.kept.iter_mut()
                        .find(|kept| kept.name == name && !kept.proven) {
                        kept.used = now;
                    }
                    if let Some(kept) = registry.get(&name) {
                        kept.named(at(now));
                    }
                }
                Step::Verified(name) => {
                    let name = called(name);
                    if let Some(kept) = model.kept.iter_mut().find(|kept| kept.name == name) {
                        (kept.proven, kept.used) = (true, now);
                    }
                    if let Some(kept) = registry.get(&name) {
                        kept.verified(at(now));
                    }
                }
                Step::GiveUp(name) => {
                    let name = called(name);
                    model.give_up(&name, now);
                    registry.retain(at(now), |kept| *kept.issuer != *name);
                }
            }
            let mut wanted: Vec<_> = model.kept.iter()
                .map(|kept| (kept.name.clone(), kept.favoured, kept.proven, kept.used)).collect();
            wanted.sort();
            let all = registry.all();
            let mut got: Vec<_> = all.iter().map(|kept| {
                (kept.issuer.to_string(), kept.is_favoured, kept.is_proven(), kept.last_used())
            }).collect();
            got.sort();
            prop_assert_eq!(got, wanted);
            prop_assert!(all.len() <= capacity);
            let resting = model.given_up.iter().filter(|(_, when)| now - when < 10).count();
            prop_assert_eq!(registry.resting(at(now)), resting);
        }
    }
}

/// Eight readers run while two writers admit and remove. No reader ever misses the proven issuer.
#[test]
fn readers_and_writers_do_not_disturb_each_other() {
    let registry = registry(16, u32::MAX);
    admit(&registry, "proven", at(100)).unwrap();
    registry.get("proven").unwrap().verified(at(100));
    let (readers, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for reader in 0..8_u64 {
            let (registry, readers, done) = (&registry, &readers, &done);
            scope.spawn(move || {
                let mut round = reader;
                loop {
                    registry
                        .get("proven")
                        .expect("the proven issuer is never evicted")
                        .verified(at(100));
                    if let Some(kept) = registry.get(&format!("{}", round % 200)) {
                        kept.named(at(100 + round % 7));
                    }
                    round += 1;
                    if round == reader + 1_000 {
                        readers.fetch_add(1, Ordering::Relaxed);
                    }
                    if done.load(Ordering::Relaxed) && round > reader + 1_000 {
                        break;
                    }
                }
            });
        }
        let writers: Vec<_> = (0..2_u64)
            .map(|writer| {
                let registry = &registry;
                scope.spawn(move || {
                    for round in 0..2_000_u64 {
                        let _ = admit(
                            registry,
                            &format!("{}", (round * 2 + writer) % 200),
                            at(100 + round * 20),
                        );
                        assert!(registry.all().len() <= 16);
                        if round % 50 == 0 {
                            registry.retain(at(100 + round * 20), |kept| kept.is_proven());
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(readers.load(Ordering::Relaxed), 8);
    assert!(registry.get("proven").unwrap().is_proven());
}
