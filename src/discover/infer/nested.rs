//! Objects and arrays to a type: a struct, or a map where the names are data.
//!
//! What is inside of a column shares its formats and its texts for NULL: both are collected from below.

use super::{Ask, Inferred, Stray, of_values};
use crate::discover::names::{is_struct_field, snake};
use crate::discover::profile::{Object, Values};
use crate::discover::scalars::visible;
use crate::table::HiveType;
use std::collections::BTreeSet;

pub(super) fn of_array<'v>(ask: &Ask<'_>, elements: &'v Values, strays: &mut Vec<Stray<'v>>) -> Inferred {
    let inside = of_values(&ask.unreachable(), elements, strays);
    let note = elements.seen == 0;
    let found = Inferred::new(HiveType::Array(Box::new(inside.of.clone()))).holding(&inside, "");
    if note { found.note("always empty") } else { found }
}

pub(super) fn of_object<'v>(ask: &Ask<'_>, object: &'v Object, strays: &mut Vec<Stray<'v>>) -> Inferred {
    if object.fields.is_empty() && object.rest.is_none() {
        return Inferred::new(HiveType::Map(Box::new(HiveType::String))).note("always empty");
    }
    let names = object.fields.len();
    let unfit = object.fields.iter().filter(|field| !is_struct_field(&field.lower)).count();
    let alike = || values_of_map(ask, object).is_alike;
    let is_map = object.rest.is_some() || unfit == names || (looks_like_a_map(object) && (unfit > 0 || alike()));
    match unfit {
        _ if is_map || (unfit * 2 >= names && alike()) => of_map(ask, object),
        0 => of_struct(ask, object, strays),
        _ if ask.path.is_some() => of_struct(ask, object, strays),
        _ => of_odd_names(ask, object),
    }
}

/// Names that no struct can have, where no column reaches.
fn of_odd_names(ask: &Ask<'_>, object: &Object) -> Inferred {
    let nested = |values: &Values| values.objects_seen() + values.arrays > 0;
    match object.fields.iter().any(|field| nested(&field.values)) {
        false => of_map(ask, object),
        true => Inferred::new(HiveType::String).note("it has names that no struct can have, so it is JSON text"),
    }
}

/// Names that are data: many of them, each in few objects; or most of them made as ids, dates and addresses are.
fn looks_like_a_map(object: &Object) -> bool {
    let names = object.fields.len() as u64;
    let sparse = names >= 20 && object.members * 4 < names * object.seen;
    let data = object.fields.iter().filter(|field| is_data(&field.name)).count() as u64;
    sparse || (names >= 3 && data * 2 > names)
}

fn is_data(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let hex = name.len() >= 16 && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    name.starts_with(|c: char| c.is_ascii_digit())
        || name.contains(['/', ':', '@', ' '])
        || digits * 2 > name.len()
        || hex
}

fn of_map(ask: &Ask<'_>, object: &Object) -> Inferred {
    let inside = values_of_map(ask, object).inferred;
    let of = HiveType::Map(Box::new(inside.of.clone()));
    Inferred::new(of).holding(&inside, "").note(why_a_map(object))
}

fn why_a_map(object: &Object) -> String {
    let unfit = object.fields.iter().find(|field| !is_struct_field(&field.lower));
    match unfit.filter(|_| !looks_like_a_map(object)) {
        Some(field) => format!("no struct can have a field named {:?}, so it is a map", visible(&field.name)),
        None if object.rest.is_some() => format!("more than {} different names, so it is a map", object.fields.len()),
        None => format!("{} different names, so it is a map", object.fields.len()),
    }
}

/// What the values of a map should be.
struct OfMap {
    inferred: Inferred,
    /// They are all of one type by themselves.
    is_alike: bool,
}

/// One type for all members; text where they have none in common.
fn values_of_map(ask: &Ask<'_>, object: &Object) -> OfMap {
    let members = object.fields.iter().flat_map(|field| {
        [Some(&field.values), field.more.as_deref()].into_iter().flatten().map(|values| (&field.name[..], values))
    });
    let rest = object.rest.iter().map(|rest| ("", &**rest));
    let mut all = Vec::new();
    for (name, values) in members.chain(rest) {
        // The map's name says what its values are, where their own names are data.
        let own = Ask { name: if is_data(name) { ask.name.clone() } else { snake(name) }, ..ask.unreachable() };
        all.push((of_values(&own, values, &mut Vec::new()), values));
    }
    let known = all.iter().filter(|(inside, _)| inside.known).map(|(inside, _)| inside.of.clone());
    let common = known.map(Some).reduce(|one, other| unify(&one?, &other?)).unwrap_or(Some(HiveType::String));
    let is_alike = common.is_some();
    let common = common.unwrap_or(HiveType::String);
    let blank = |(inside, _): &(Inferred, &Values)| !inside.known && !inside.kept.is_disjoint(ask.forbidden);
    let of = if all.iter().any(blank) { HiveType::String } else { common };
    let texts = of == HiveType::String;
    let inferred = all.iter().fold(Inferred::new(of), |found, (inside, values)| {
        let inside = Inferred { notes: Vec::new(), ..inside.clone() };
        let (null, kept) = match (texts, inside.known) {
            (true, _) => (BTreeSet::new(), values.scalars.null_words().collect()),
            (false, false) => (inside.kept, BTreeSet::new()), // nothing else was seen, and it must fit the type of the others
            (false, true) => (inside.null, inside.kept),
        };
        match texts {
            true => found.holding(&Inferred { null, kept, ..Inferred::new(HiveType::String) }, ""),
            false => found.holding(&Inferred { null, kept, ..inside }, ""),
        }
    });
    OfMap { inferred, is_alike }
}

/// The type that takes the values of both.
fn unify(one: &HiveType, other: &HiveType) -> Option<HiveType> {
    use HiveType::*;
    Some(match (one, other) {
        _ if one == other => one.clone(),
        (Int | Bigint, Int | Bigint) => Bigint,
        (Int | Bigint | Double, Int | Bigint | Double) => Double,
        (Array(one), Array(other)) => Array(Box::new(unify(one, other)?)),
        (Map(one), Map(other)) => Map(Box::new(unify(one, other)?)),
        (Struct(one), Struct(other)) => {
            let mut fields = one.clone();
            for (name, of) in other {
                match fields.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = unify(known, of)?,
                    None => fields.push((name.clone(), of.clone())),
                }
            }
            Struct(fields)
        }
        _ => return None,
    })
}

fn of_struct<'v>(ask: &Ask<'_>, object: &'v Object, strays: &mut Vec<Stray<'v>>) -> Inferred {
    let (mut fields, mut insides) = (Vec::new(), Vec::new());
    for field in &object.fields {
        let own = ask.inside(&field.name);
        match (is_struct_field(&field.lower), &own.path) {
            (false, Some(path)) => strays.push(Stray { path: path.clone(), values: &field.values }),
            (false, None) => insides.push((&field.lower, None)),
            (true, _) => {
                let inside = of_values(&own, &field.values, strays);
                fields.push((field.lower.clone(), inside.of.clone()));
                insides.push((&field.lower, Some(inside)));
            }
        }
    }
    insides.into_iter().fold(Inferred::new(HiveType::Struct(fields)), |found, (name, inside)| match inside {
        Some(inside) => found.holding(&inside, name),
        None => found.note(format!("{:?} stays in extra: no struct and no column can name it", visible(name))),
    })
}
