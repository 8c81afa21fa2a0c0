//! The language of full-text queries: `refund AND "rate limit" NOT test*`.
//!
//! Words side by side mean `AND`; `NOT` binds closest, then `AND`, then `OR`; parentheses group. The operators are
//! upper case, so `and` is a word.

use schemas::limits::{TEXT_QUERY_BYTES, TEXT_QUERY_DEPTH};
use schemas::query::TextQuery;
use unicode_normalization::char::is_combining_mark;

use super::shown::shown;

/// Why a full-text query can't be read. Positions are characters, the first being 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextQueryError {
    #[error("full-text query at position {position}: expected {expected}, found {found}")]
    Syntax { position: usize, expected: &'static str, found: String },
    #[error("full-text query at position {position}: expected at most {TEXT_QUERY_DEPTH} nested groups")]
    TooDeep { position: usize },
    #[error("full-text query: expected at most {TEXT_QUERY_BYTES} bytes")]
    TooLong,
}

const OPERAND: &str = "a word, a \"phrase\" or a group in parentheses";

pub(super) fn parse(text: &str) -> Result<TextQuery, TextQueryError> {
    if text.len() > TEXT_QUERY_BYTES {
        return Err(TextQueryError::TooLong);
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, end: text.chars().count() + 1, depth: 0 };
    let query = parser.any()?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(parser.unexpected("an operator or the end; this parenthesis closes no group")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Word(String),
    Phrase(String),
    Prefix(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Open => "\"(\"".to_owned(),
            Self::Close => "\")\"".to_owned(),
            Self::And => "AND".to_owned(),
            Self::Or => "OR".to_owned(),
            Self::Not => "NOT".to_owned(),
            Self::Word(text) => format!("{:?}", shown(text)),
            Self::Phrase(text) => format!("the phrase {:?}", shown(text)),
            Self::Prefix(text) => format!("{:?}", shown(&format!("{text}*"))),
        }
    }
}

/// The tokens of a text, each with its position.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, TextQueryError> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().zip(1..).peekable();
    while let Some(&(character, position)) = characters.peek() {
        if character.is_whitespace() {
            characters.next();
            continue;
        }
        let token = match character {
            '(' | ')' => {
                characters.next();
                if character == '(' { Token::Open } else { Token::Close }
            }
            '"' => {
                characters.next();
                let mut phrase = String::new();
                loop {
                    match characters.next() {
                        Some(('"', _)) => break,
                        Some((other, _)) => phrase.push(other),
                        None => return Err(syntax(position, "a \" that ends the phrase begun here", "the end")),
                    }
                }
                with_letters(&phrase, position)?;
                Token::Phrase(phrase)
            }
            _ => {
                let mut word = String::new();
                while let Some((next, _)) =
                    characters.next_if(|(next, _)| !next.is_whitespace() && !matches!(next, '(' | ')' | '"'))
                {
                    word.push(next);
                }
                word_token(word, position)?
            }
        };
        tokens.push((position, token));
    }
    Ok(tokens)
}

fn word_token(word: String, position: usize) -> Result<Token, TextQueryError> {
    match word.as_str() {
        "AND" => return Ok(Token::And),
        "OR" => return Ok(Token::Or),
        "NOT" => return Ok(Token::Not),
        _ => {}
    }
    let stem = word.strip_suffix('*');
    let text = stem.unwrap_or(&word);
    if let Some(star) = text.chars().position(|character| character == '*') {
        return Err(syntax(position + star, "a * at the end of a word only", "a * before it"));
    }
    with_letters(text, position)?;
    if let Some(separator) = stem.and_then(ending_separator) {
        let star = position + text.chars().count();
        return Err(syntax(star, "a letter or digit right before the *", &format!("{:?}", String::from(separator))));
    }
    Ok(match stem {
        Some(stem) => Token::Prefix(stem.to_owned()),
        None => Token::Word(word),
    })
}

/// Nothing but letters and digits is searched, so a text without any can't be found.
fn with_letters(text: &str, position: usize) -> Result<(), TextQueryError> {
    if text.chars().any(char::is_alphanumeric) {
        Ok(())
    } else {
        Err(syntax(position, "a word or phrase with at least one letter or digit", &format!("{:?}", shown(text))))
    }
}

/// What a text ends in that is no part of a word: separators are not searched, so a `*` behind one means no beginning.
fn ending_separator(text: &str) -> Option<char> {
    let last = text.trim_end_matches(is_combining_mark).chars().next_back()?;
    (!last.is_alphanumeric()).then_some(last)
}

fn syntax(position: usize, expected: &'static str, found: &str) -> TextQueryError {
    TextQueryError::Syntax { position, expected, found: found.to_owned() }
}

#[derive(Debug)]
struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    /// The position after the last character.
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn next_is(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(position, _)| *position)
    }

    fn unexpected(&self, expected: &'static str) -> TextQueryError {
        let found = self.peek().map_or_else(|| "the end".to_owned(), Token::shown);
        syntax(self.position(), expected, &found)
    }

    fn any(&mut self) -> Result<TextQuery, TextQueryError> {
        let mut parts = vec![self.all()?];
        while self.next_is(&Token::Or) {
            parts.push(self.all()?);
        }
        Ok(single_or(parts, TextQuery::Any))
    }

    fn all(&mut self) -> Result<TextQuery, TextQueryError> {
        let mut parts = vec![self.not()?];
        loop {
            let operator = self.next_is(&Token::And);
            match self.peek() {
                None | Some(Token::Or | Token::Close) if !operator => return Ok(single_or(parts, TextQuery::All)),
                _ => parts.push(self.not()?),
            }
        }
    }

    fn not(&mut self) -> Result<TextQuery, TextQueryError> {
        if !self.next_is(&Token::Not) {
            return self.operand();
        }
        self.deeper()?;
        let negated = self.not()?;
        self.depth -= 1;
        Ok(TextQuery::Not(Box::new(negated)))
    }

    fn operand(&mut self) -> Result<TextQuery, TextQueryError> {
        let query = match self.peek() {
            Some(Token::Word(text)) => TextQuery::Term(text.clone()),
            Some(Token::Phrase(text)) => TextQuery::Phrase(text.clone()),
            Some(Token::Prefix(text)) => TextQuery::Prefix(text.clone()),
            Some(Token::Open) => return self.group(),
            _ => return Err(self.unexpected(OPERAND)),
        };
        self.at += 1;
        Ok(query)
    }

    fn group(&mut self) -> Result<TextQuery, TextQueryError> {
        self.deeper()?;
        self.at += 1;
        let query = self.any()?;
        if !self.next_is(&Token::Close) {
            return Err(self.unexpected("an operator, another word or a \")\" that closes the group"));
        }
        self.depth -= 1;
        Ok(query)
    }

    fn deeper(&mut self) -> Result<(), TextQueryError> {
        self.depth += 1;
        if self.depth > TEXT_QUERY_DEPTH { Err(TextQueryError::TooDeep { position: self.position() }) } else { Ok(()) }
    }
}

fn single_or(mut parts: Vec<TextQuery>, several: impl Fn(Vec<TextQuery>) -> TextQuery) -> TextQuery {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The query as an s-expression.
    fn shape(query: &TextQuery) -> String {
        let list = |name: &str, parts: &[TextQuery]| {
            format!("({name} {})", parts.iter().map(shape).collect::<Vec<_>>().join(" "))
        };
        match query {
            TextQuery::All(parts) => list("and", parts),
            TextQuery::Any(parts) => list("or", parts),
            TextQuery::Not(part) => format!("(not {})", shape(part)),
            TextQuery::Term(text) => text.clone(),
            TextQuery::Phrase(text) => format!("\"{text}\""),
            TextQuery::Prefix(text) => format!("{text}*"),
        }
    }

    #[test]
    fn operators_bind_as_everywhere() {
        for (text, expected) in [
            ("refund", "refund"),
            ("refund AND \"rate limit\" NOT test*", "(and refund \"rate limit\" (not test*))"),
            ("a b OR c NOT d", "(or (and a b) (and c (not d)))"),
            ("(a OR b) c", "(and (or a b) c)"),
            ("NOT NOT a", "(not (not a))"),
            ("and or not", "(and and or not)"),
            ("\"AND\"x", "(and \"AND\" x)"),
            ("gpt-4o* 退款", "(and gpt-4o* 退款)"),
            ("cre\u{301}* हिन्दी* 中*", "(and cre\u{301}* हिन्दी* 中*)"),
            ("\"a *\" \"rate lim*\"", "(and \"a *\" \"rate lim*\")"),
        ] {
            assert_eq!(parse(text).as_ref().map(shape), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_syntax_error_names_position_and_expectation() {
        for (text, expected) in [
            (
                "",
                "full-text query at position 1: expected a word, a \"phrase\" or a group in parentheses, found the end",
            ),
            (
                "a AND",
                "full-text query at position 6: expected a word, a \"phrase\" or a group in parentheses, found the end",
            ),
            (
                "a AND OR b",
                "full-text query at position 7: expected a word, a \"phrase\" or a group in parentheses, found OR",
            ),
            ("é \"open", "full-text query at position 3: expected a \" that ends the phrase begun here, found the end"),
            (
                "(a b",
                "full-text query at position 5: expected an operator, another word or a \")\" that closes the group, found the end",
            ),
            (
                "a) b",
                "full-text query at position 2: expected an operator or the end; this parenthesis closes no group, found \")\"",
            ),
            ("te*st", "full-text query at position 3: expected a * at the end of a word only, found a * before it"),
            (
                "a *",
                "full-text query at position 3: expected a word or phrase with at least one letter or digit, found \"\"",
            ),
            ("gpt-*", "full-text query at position 5: expected a letter or digit right before the *, found \"-\""),
            ("a (b_*)", "full-text query at position 6: expected a letter or digit right before the *, found \"_\""),
            ("中。*", "full-text query at position 3: expected a letter or digit right before the *, found \"。\""),
            (
                "()",
                "full-text query at position 2: expected a word, a \"phrase\" or a group in parentheses, found \")\"",
            ),
        ] {
            assert_eq!(parse(text).map_err(|error| error.to_string()), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(TEXT_QUERY_DEPTH)).is_ok());
        assert_eq!(
            parse(&nested(TEXT_QUERY_DEPTH + 1)),
            Err(TextQueryError::TooDeep { position: TEXT_QUERY_DEPTH + 1 })
        );
        assert!(matches!(parse(&"NOT ".repeat(1000)), Err(TextQueryError::TooDeep { .. })));
        assert_eq!(parse(&"a ".repeat(TEXT_QUERY_BYTES)), Err(TextQueryError::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[ab \"()*ANDORT-é]{0,40}") {
            let _ = parse(&text);
        }
    }
}
