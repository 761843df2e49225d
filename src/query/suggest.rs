//! "Did you mean": the nearest of the words that would have been right.

/// The candidate that `word` is most likely a slip of; `None` where all are far from it.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = |candidate: &str| candidate.len().max(word.len()).div_ceil(3);
    let distances = candidates.into_iter().map(|c| (distance(&word, &c.to_lowercase()), c));
    let close = distances.filter(|(distance, candidate)| *distance <= near(candidate));
    close.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["client_windows", "status_per_minute", "ts"];
        assert_eq!(nearest("client_window", names), Some("client_windows"));
        assert_eq!(nearest("STATUS_per_minuet", names), Some("status_per_minute"));
        assert_eq!(nearest("tz", names), Some("ts"));
        assert_eq!(nearest("top_urls", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
