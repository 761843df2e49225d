//! From a bound query to the text that Athena gets, and from a place in that text back to the user's.

use super::literal::{Position, literal};
use crate::error::{Error, Result};
use crate::query::place::{Place, told};
use crate::query::text::{begins_name, comment_length, continues_name, quoted_length};
use crate::query::{Bound, read_only};
use std::collections::BTreeMap;
use std::ops::Range;

/// Athena takes no longer query.
const LONGEST: usize = 262_144;
const REJECTED: &str = "_rejected";

/// What a query asks for; each kind's answer has a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Rows: SELECT, WITH, VALUES, TABLE.
    Rows,
    /// EXPLAIN.
    Plan,
    /// DESCRIBE of a table's columns.
    Columns,
    /// Lines of text: SHOW, and DESCRIBE with FORMATTED or EXTENDED.
    Lines,
}

/// What Athena gets.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) question: Question,
    pieces: Vec<Piece>,
}

/// A run of the text that is sent: from `sent` on it stands for the user's text from `written` on.
#[derive(Debug, Clone, Copy)]
struct Piece {
    sent: usize,
    written: usize,
    is_copy: bool,
}

/// What takes the place of a part of the user's text.
struct Edit {
    range: Range<usize>,
    text: String,
}

impl Statement {
    /// Puts literals in the place of parameters, and tables in the place of their aliases.
    ///
    /// The comments that the text begins with are left out: Athena tells kinds of statements by the first word.
    ///
    /// # Errors
    /// Query for what is no question, for several statements, and for text beyond Athena's limit.
    pub(super) fn of(query: &Bound, database: &str, aliases: &BTreeMap<String, String>) -> Result<Statement> {
        let text = query.text();
        let tokens = tokens(text);
        let (question, begin) = question(query, &tokens)?;
        without_parameters(query, question)?;
        one_statement(query, &tokens)?;
        let start = tokens.first().map_or(0, |token| token.range.start);
        let mut edits = vec![Edit { range: 0..start, text: String::new() }];
        edits.extend(literals(query, &tokens));
        for (alias, table) in aliases {
            edits.extend(aliased(query, &tokens, (question, begin), database, (alias, table))?);
        }
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let statement = applied(text, &edits, question);
        match statement.sql.len() {
            0..=LONGEST => Ok(statement),
            length => Err(Error::query(format!(
                "{} is too long for Athena: {length} bytes, where {LONGEST} are allowed",
                query.origin
            ))
            .hint("shorten it: join with a table instead of listing values, or ask in parts")),
        }
    }

    /// The place in the user's text that a place in the sent text stands for.
    pub(super) fn place(&self, query: &Bound, sent: Place) -> Option<Place> {
        let offset = sent.offset(&self.sql)?;
        let piece = self.pieces.iter().rev().find(|piece| piece.sent <= offset)?;
        let within = if piece.is_copy { offset - piece.sent } else { 0 };
        Some(Place::of(query.text(), piece.written + within))
    }
}

/// SHOW and DESCRIBE are read by another parser than questions are, in which a literal may mean something else.
fn without_parameters(query: &Bound, question: Question) -> Result<()> {
    match (question, query.uses().next()) {
        (Question::Columns | Question::Lines, Some((name, _))) => Err(Error::query(format!(
            "{}: SHOW and DESCRIBE take no parameters, and this one uses :{name}",
            query.origin
        ))
        .hint("write the name or the pattern itself")),
        _ => Ok(()),
    }
}

fn applied(text: &str, edits: &[Edit], question: Question) -> Statement {
    let (mut sql, mut pieces, mut done) = (String::with_capacity(text.len()), Vec::new(), 0);
    for edit in edits {
        pieces.push(Piece { sent: sql.len(), written: done, is_copy: true });
        sql.push_str(&text[done..edit.range.start]);
        pieces.push(Piece { sent: sql.len(), written: edit.range.start, is_copy: false });
        sql.push_str(&edit.text);
        done = edit.range.end;
    }
    pieces.push(Piece { sent: sql.len(), written: done, is_copy: true });
    sql.push_str(&text[done..]);
    Statement { sql, question, pieces }
}

/// A literal for each use of a parameter, apart from its neighbours: `'a'` right beside `'b'` would be one string.
fn literals<'a>(query: &'a Bound, tokens: &'a [Token]) -> impl Iterator<Item = Edit> + 'a {
    query.uses().filter_map(move |(name, range)| {
        let before = tokens.iter().rev().find(|token| token.range.end <= range.start);
        let counts = before.is_some_and(|token| token.is_one_of(&["limit", "offset", "first", "next"]));
        let position = if counts { Position::Count } else { Position::Expression };
        let text = literal(query.value(name)?, position);
        let clear = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "(),;".contains(c));
        let left = if clear(query.text()[..range.start].chars().next_back()) { "" } else { " " };
        let right = if clear(query.text()[range.end..].chars().next()) { "" } else { " " };
        Some(Edit { range, text: format!("{left}{text}{right}") })
    })
}

/// Puts `table` in the place of `alias`: before a question as a name that WITH gives, so that columns, strings and aliases of
/// the same name stay what they are; in DESCRIBE and SHOW, which hold no other names, at its place.
fn aliased(
    query: &Bound,
    tokens: &[Token],
    (question, begin): (Question, usize),
    database: &str,
    (alias, table): (&str, &str),
) -> Result<Vec<Edit>> {
    if let Some(at) = qualified(tokens, database, alias) {
        let place = Place::of(query.text(), tokens[at].range.start);
        let what = told(query, Some(place), &format!("{database}.{alias} cannot stand for another table in Athena"));
        return Err(Error::query(what).hint(format!("write {alias} without its database, or leave --table away")));
    }
    let names = [(alias.to_owned(), table.to_owned()), (format!("{alias}{REJECTED}"), format!("{table}{REJECTED}"))];
    let is_named = |token: &Token, name: &str| token.name().as_deref() == Some(name);
    let used = |alias: &str| tokens.iter().any(|token| is_named(token, alias));
    let used = names.iter().filter(|(alias, table)| alias != table && used(alias));
    if !matches!(question, Question::Rows | Question::Plan) {
        let at = |token: &Token, (alias, table): &(String, String)| {
            is_named(token, alias).then(|| Edit { range: token.range.clone(), text: table.clone() })
        };
        return Ok(used.flat_map(|name| tokens.iter().filter_map(move |token| at(token, name))).collect());
    }
    let given: Vec<String> = used.map(|(alias, table)| format!("\"{alias}\" AS (SELECT * FROM \"{table}\")")).collect();
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let (at, text) = with(tokens, begin, &given.join(", "));
    Ok(vec![Edit { range: at..at, text }])
}

/// Where names of WITH go, and how they are written there.
fn with(tokens: &[Token], begin: usize, given: &str) -> (usize, String) {
    let starts = |at: usize| tokens.get(at).map_or(0, |token| token.range.start);
    if !tokens.get(begin).is_some_and(|token| token.is_one_of(&["with"])) {
        return (starts(begin), format!("WITH {given} "));
    }
    let recursive = tokens.get(begin + 1).is_some_and(|token| token.is_one_of(&["recursive"]));
    (starts(begin + 1 + usize::from(recursive)), format!("{given}, "))
}

/// Where `database.alias` stands.
fn qualified(tokens: &[Token], database: &str, alias: &str) -> Option<usize> {
    let is = |token: &Token, name: &str| token.name().as_deref() == Some(name);
    let rejected = format!("{alias}{REJECTED}");
    tokens.windows(3).position(|three| {
        is(&three[0], database) && three[1].text == "." && (is(&three[2], alias) || is(&three[2], &rejected))
    })
}

/// What the statement asks, and at which token its query begins.
fn question(query: &Bound, tokens: &[Token]) -> Result<(Question, usize)> {
    let mut begin = 0;
    let at = |begin: usize| tokens.get(begin + tokens[begin..].iter().take_while(|token| token.text == "(").count());
    let word = |begin: usize, words: &[&str]| at(begin).is_some_and(|token| token.is_one_of(words));
    let rows = ["select", "with", "values", "table"];
    if tokens.is_empty() {
        return Err(
            Error::query(format!("{} is empty", query.origin)).hint("write SQL, such as SELECT count(*) FROM access")
        );
    }
    if word(0, &rows) {
        return Ok((Question::Rows, 0));
    }
    if word(0, &["explain"]) {
        begin = explained(tokens);
        if word(begin, &rows) {
            return Ok((Question::Plan, begin));
        }
    } else if word(0, &["describe", "desc"]) {
        let long = word(1, &["formatted", "extended"]);
        return Ok((if long { Question::Lines } else { Question::Columns }, 0));
    } else if word(0, &["show"]) {
        return Ok((Question::Lines, 0));
    }
    match at(begin) {
        Some(token) if !token.is_one_of(&WRITES) => {
            let place = Place::of(query.text(), token.range.start);
            let what = told(query, Some(place), &format!("{} begins no question", token.text));
            Err(Error::query(what).hint("a query begins with SELECT, WITH, VALUES, TABLE, EXPLAIN, DESCRIBE or SHOW"))
        }
        _ => Err(read_only()),
    }
}

const WRITES: [&str; 22] = [
    "insert",
    "update",
    "delete",
    "merge",
    "create",
    "drop",
    "alter",
    "msck",
    "unload",
    "execute",
    "prepare",
    "deallocate",
    "truncate",
    "grant",
    "revoke",
    "vacuum",
    "optimize",
    "analyze",
    "call",
    "set",
    "reset",
    "use",
];

/// The token after `EXPLAIN [ANALYZE] [VERBOSE] [(options)]`.
fn explained(tokens: &[Token]) -> usize {
    let mut at = 1;
    while tokens.get(at).is_some_and(|token| token.is_one_of(&["analyze", "verbose"])) {
        at += 1;
    }
    let options = ["type", "format"];
    let has_options = tokens.get(at).is_some_and(|token| token.text == "(")
        && tokens.get(at + 1).is_some_and(|token| token.is_one_of(&options));
    match tokens[at.min(tokens.len())..].iter().position(|token| token.text == ")") {
        Some(end) if has_options => (at + end + 1).min(tokens.len()),
        _ => at.min(tokens.len()),
    }
}

/// One semicolon may end the text.
fn one_statement(query: &Bound, tokens: &[Token]) -> Result<()> {
    let end = tokens.iter().position(|token| token.text == ";").map(|at| at + 1);
    match end.and_then(|end| tokens.get(end)) {
        None => Ok(()),
        Some(token) => {
            let place = Place::of(query.text(), token.range.start);
            Err(Error::query(told(query, Some(place), "a second statement begins here"))
                .hint("ask one question at a time"))
        }
    }
}

/// A word, a quoted piece or a single character of SQL; space and comments are between them.
#[derive(Debug, Clone)]
struct Token<'a> {
    text: &'a str,
    range: Range<usize>,
}

impl Token<'_> {
    /// Whether it is one of these words, written in any case.
    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.text.eq_ignore_ascii_case(word))
    }

    /// The name that it is, in lower case; strings and signs are none.
    fn name(&self) -> Option<String> {
        let quoted = |quote: char| Some(self.text.strip_prefix(quote)?.strip_suffix(quote)?.to_lowercase());
        match self.text.starts_with(begins_name) {
            true => Some(self.text.to_lowercase()),
            false => quoted('"').or_else(|| quoted('`')),
        }
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (length, counts) = match c {
            '\'' | '"' | '`' => (quoted_length(rest, c), true),
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => (comment_length(rest), false),
            ':' if rest[1..].starts_with(begins_name) => (1 + name_length(&rest[1..]), true),
            c if begins_name(c) => (name_length(rest), true),
            c => (c.len_utf8(), !c.is_whitespace()),
        };
        if counts {
            tokens.push(Token { text: &rest[..length], range: at..at + length });
        }
        at += length;
    }
    tokens
}

fn name_length(text: &str) -> usize {
    text.find(|c| !continues_name(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::QueryText;
    use proptest::prelude::*;

    fn bound(text: &str, params: &[(&str, &str)]) -> Bound {
        let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        QueryText::parse("the query", text).unwrap().bind(&params, chrono::DateTime::UNIX_EPOCH).unwrap()
    }

    fn sent(text: &str, params: &[(&str, &str)], table: Option<&str>) -> Result<Statement> {
        let aliases = table.iter().map(|table| ("access".to_owned(), table.to_string())).collect();
        Statement::of(&bound(text, params), "logs", &aliases)
    }

    #[test]
    fn literals_stand_in_for_parameters_only() {
        let text = "-- d\n-- param: n int = -3\n-- param: top bigint = 20\n\nSELECT ':s', \"?\" -- :s ?\n, :s, 1-:n, x:s FROM t WHERE a=:S LIMIT :top;";
        let statement = sent(text, &[("s", "it's :n ?")], None).unwrap();
        assert_eq!(
            statement.sql,
            "SELECT ':s', \"?\" -- :s ?\n, 'it''s :n ?', 1- (-3), x 'it''s :n ?'  FROM t WHERE a= 'it''s :n ?' LIMIT 20;"
                .replace("'  FROM", "' FROM")
        );
        assert_eq!(sent("SELECT :a:b'c'", &[("a", "x"), ("b", "y")], None).unwrap().sql, "SELECT 'x'  'y' 'c'");
    }

    proptest! {
        /// Read by another program's tokenizer: whatever a value holds, the rest of the SQL is what it was.
        #[test]
        fn no_value_changes_the_sql_around_it(value in "['\\\\\"?:x\n\u{1F600}*/ -]{0,10}") {
            use datafusion::sql::sqlparser::{dialect::AnsiDialect, tokenizer::{Token, Tokenizer}};
            let text = "SELECT :s, ':s', \":s\" /* :s */ FROM t -- :s\nWHERE (:s)=:s||'x' OR a-:s LIKE x:s";
            let tokens = |sql: &str| -> Vec<Token> {
                let tokens = Tokenizer::new(&AnsiDialect {}, sql).tokenize().unwrap();
                tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect()
            };
            let expected: Vec<Token> = tokens(&sent(text, &[("s", "THE VALUE")], None).unwrap().sql).into_iter().map(|token| match token {
                Token::SingleQuotedString(text) if text == "THE VALUE" => Token::SingleQuotedString(value.clone()),
                other => other,
            }).collect();
            prop_assert_eq!(expected.iter().filter(|token| matches!(token, Token::SingleQuotedString(_))).count(), 7);
            prop_assert_eq!(tokens(&sent(text, &[("s", &value)], None).unwrap().sql), expected);
        }
    }

    #[test]
    fn places_go_back_to_the_users_text() {
        let text = "-- d\n-- param: long string = 'looooooooooong'\nSELECT :long, é,\n  :long, nope FROM access";
        let query = bound(text, &[]);
        for table in [None, Some("orders")] {
            let statement = sent(text, &[], table).unwrap();
            for wanted in ["nope", "é", "access"] {
                let place = Place::of(&statement.sql, statement.sql.rfind(wanted).unwrap());
                let expected = Place::of(text, text.rfind(wanted).unwrap());
                assert_eq!(statement.place(&query, place), Some(expected), "{wanted} {table:?}");
            }
        }
        let statement = sent(text, &[], None).unwrap();
        let within = Place::of(&statement.sql, statement.sql.find("oong").unwrap());
        assert_eq!(statement.place(&query, within), Some(Place { line: 3, column: 8 }));
        assert_eq!(statement.place(&query, Place { line: 9, column: 1 }), None);
    }

    #[test]
    fn a_table_stands_in_for_access_and_for_nothing_else() {
        let given = "WITH \"access\" AS (SELECT * FROM \"orders\") ";
        for (text, expected) in [
            ("SELECT 'access', access.ts FROM ACCESS", format!("{given}SELECT 'access', access.ts FROM ACCESS")),
            ("SELECT 1 -- access", "SELECT 1 -- access".into()),
            (
                "with a AS (SELECT 1 FROM \"access\") SELECT 1",
                "with \"access\" AS (SELECT * FROM \"orders\"), a AS (SELECT 1 FROM \"access\") SELECT 1".into(),
            ),
            ("EXPLAIN (TYPE IO) (SELECT 1 FROM access)", format!("EXPLAIN (TYPE IO) {given}(SELECT 1 FROM access)")),
            (
                "SELECT 1 FROM access_rejected",
                "WITH \"access_rejected\" AS (SELECT * FROM \"orders_rejected\") SELECT 1 FROM access_rejected".into(),
            ),
            ("DESCRIBE access", "DESCRIBE orders".into()),
            ("SHOW PARTITIONS access;", "SHOW PARTITIONS orders;".into()),
            (
                "SELECT other.access FROM access x, y other",
                format!("{given}SELECT other.access FROM access x, y other"),
            ),
        ] {
            assert_eq!(sent(text, &[], Some("orders")).unwrap().sql, expected);
        }
        assert!(
            sent("SELECT 1 FROM logs.access", &[], Some("orders")).unwrap_err().message().contains("line 1, column 15")
        );
        sent("SELECT 1 FROM logs.access", &[], None).unwrap();
    }

    #[test]
    fn only_questions_are_sent() {
        let with_parameter = sent("SHOW TABLES :x", &[("x", "a")], None).unwrap_err();
        assert!(with_parameter.message().contains("take no parameters, and this one uses :x"), "{with_parameter}");
        use Question::*;
        for (text, expected) in [
            ("select 1", Rows),
            ("/* x */ ((VALUES 1))", Rows),
            ("EXPLAIN SELECT 1", Plan),
            ("EXPLAIN ANALYZE VERBOSE SELECT 1", Plan),
            ("EXPLAIN (FORMAT JSON, TYPE LOGICAL) WITH x AS (SELECT 1) SELECT 1", Plan),
            ("DESC access", Columns),
            ("DESCRIBE FORMATTED access", Lines),
            ("SHOW TABLES", Lines),
        ] {
            assert_eq!(sent(text, &[], None).unwrap().question, expected, "{text}");
        }
        for text in [
            "DROP TABLE x",
            "insert into x values (1)",
            "EXPLAIN ANALYZE INSERT INTO x SELECT 1",
            "UNLOAD (SELECT 1) TO 'x'",
        ] {
            assert_eq!(sent(text, &[], None).unwrap_err().message(), read_only().message(), "{text}");
        }
        for (text, expected) in [
            ("SELEC 1", "the query, line 1, column 1: SELEC begins no question"),
            ("SELECT 1; DROP TABLE x", "line 1, column 11: a second statement begins here"),
            ("-- nothing", "the query is empty"),
            ("EXPLAIN", "queries only read"),
        ] {
            assert!(sent(text, &[], None).unwrap_err().message().contains(expected), "{text}");
        }
    }

    #[test]
    fn too_long_a_text_is_not_sent() {
        let text = format!("SELECT '{}'", "x".repeat(LONGEST));
        let error = sent(&text, &[], None).unwrap_err();
        assert!(error.message().contains("262153 bytes, where 262144 are allowed"), "{error}");
    }
}
