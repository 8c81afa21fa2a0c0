//! `ILIKE`, for the few texts that are at hand here: fields of related rows.

/// Where the searched text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Start,
    End,
}

/// Whether a text has the pattern in that place, in any case. `%` stands for any characters, `_` for one, `\`
/// makes the next one plain.
pub(super) fn matches(text: &str, pattern: &str, place: Place) -> bool {
    let mut steps = Vec::new();
    if place != Place::Start {
        steps.push(Step::Any);
    }
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => steps.push(Step::Any),
            '_' => steps.push(Step::One),
            '\\' => folded(&characters.next().map_or_else(|| "\\".to_owned(), String::from), &mut steps),
            other => folded(&other.to_string(), &mut steps),
        }
    }
    if place != Place::End {
        steps.push(Step::Any);
    }
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    steps_match(&text, &steps)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Any,
    One,
    Just(char),
}

fn folded(text: &str, steps: &mut Vec<Step>) {
    steps.extend(text.chars().flat_map(char::to_lowercase).map(Step::Just));
}

/// Goes back to the last `Any` only, so it takes at most text × pattern steps.
fn steps_match(text: &[char], steps: &[Step]) -> bool {
    let (mut at, mut step, mut retry) = (0, 0, None);
    while let Some(character) = text.get(at) {
        match steps.get(step) {
            Some(Step::Any) => {
                retry = Some((at, step + 1));
                step += 1;
                continue;
            }
            Some(Step::One) => {}
            Some(Step::Just(expected)) if expected == character => {}
            _ => {
                let Some((from, after_any)) = retry else { return false };
                retry = Some((from + 1, after_any));
                (at, step) = (from + 1, after_any);
                continue;
            }
        }
        at += 1;
        step += 1;
    }
    steps.get(step..).is_some_and(|rest| rest.iter().all(|step| *step == Step::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_keep_their_meaning() {
        for (text, pattern, place, expected) in [
            ("DB down", "db", Place::Anywhere, true),
            ("DB down", "D_ d%n", Place::Start, true),
            ("DB down", "down", Place::Start, false),
            ("DB down", "OWN", Place::End, true),
            ("DB down", "db", Place::End, false),
            ("100%", "0\\%", Place::Anywhere, true),
            ("1000", "0\\%", Place::Anywhere, false),
            ("ÄÖÜ", "äöü", Place::Anywhere, true),
            ("aXbXc", "x%x", Place::Anywhere, true),
            ("aaab", "aab", Place::Anywhere, true),
            ("", "", Place::Anywhere, true),
            ("", "_", Place::Anywhere, false),
        ] {
            assert_eq!(matches(text, pattern, place), expected, "{text} {pattern}");
        }
    }
}
