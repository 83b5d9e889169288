//! Where in a migration's file something is.

/// The line of a character, both counted from 1, as PostgreSQL counts.
pub(super) fn line_of_character(sql: &str, character: usize) -> usize {
    1 + sql.chars().take(character.saturating_sub(1)).filter(|it| *it == '\n').count()
}

/// The line on which a statement begins, after so many others. Statements are taken for ended where psql would, too.
pub(super) fn line_of_statement(sql: &str, after: usize) -> Option<usize> {
    let (mut at, mut ended) = (0, 0);
    while at < sql.len() {
        let (token, length) = Token::first(&sql[at..]);
        match token {
            Token::Text if ended == after => {
                return Some(line_of_character(sql, 1 + sql[..at].chars().count()));
            }
            Token::End => ended += 1,
            Token::Text | Token::Blank => {}
        }
        at += length;
    }
    None
}

enum Token {
    /// White space, or a comment.
    Blank,
    /// A semicolon.
    End,
    Text,
}

impl Token {
    /// What a text that is not empty begins with, and how many bytes that has.
    fn first(text: &str) -> (Self, usize) {
        let first = text.chars().next().unwrap_or(' ');
        let length = match first {
            ';' => return (Self::End, 1),
            '-' if text.starts_with("--") => return (Self::Blank, text.find('\n').unwrap_or(text.len())),
            '/' if text.starts_with("/*") => return (Self::Blank, comment(text)),
            _ if first.is_whitespace() => return (Self::Blank, first.len_utf8()),
            '\'' | '"' => quoted(text, first, false),
            '$' => dollar_quoted(text).unwrap_or(1),
            _ if is_of_name(first) => {
                match text.find(|it| !is_of_name(it) && it != '$').unwrap_or(text.len()) {
                    1 if text[1..].starts_with('\'') && first.eq_ignore_ascii_case(&'e') => {
                        1 + quoted(&text[1..], '\'', true)
                    }
                    length => length,
                }
            }
            _ => first.len_utf8(),
        };
        (Self::Text, length)
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Up to the end of a comment, which may have others in it.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    for (index, pair) in text.as_bytes().windows(2).enumerate() {
        let step = match pair {
            _ if index < at => continue,
            b"/*" => 1,
            b"*/" => -1,
            _ => continue,
        };
        depth += step;
        at = index + 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Up to the closing quote. One that is doubled ends a text and begins the next.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut is_escaped = false;
    for (index, it) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if it == quote {
            return index + 1;
        } else {
            is_escaped = escapes && it == '\\';
        }
    }
    text.len()
}

/// Up to the end of what stands between two tags such as `$$`, if it does.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = &text[..text[1..].find('$')? + 2];
    let name = &tag[1..tag.len() - 1];
    if !name.chars().all(is_of_name) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let body = text[tag.len()..].find(tag);
    Some(body.map_or(text.len(), |length| length + 2 * tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_on_its_line_whatever_came_before() {
        let sql = "-- für alle\nSELECT 1;\nSELECT x";
        for (character, line) in [(0, 1), (1, 1), (12, 1), (13, 2), (22, 2), (23, 3), (1000, 3)] {
            assert_eq!(line_of_character(sql, character), line, "{character}");
        }
    }

    #[test]
    fn a_statement_begins_after_the_end_of_the_one_before() {
        let lines = |sql: &str| (0..).map_while(|after| line_of_statement(sql, after)).collect::<Vec<_>>();
        assert_eq!(lines("CREATE TABLE a (b int);\nDROP TABLE c"), [1, 2]);
        assert_eq!(
            lines("\n-- one; two\n/* a; /* b; */\nc; */ SELECT 1; SELECT 2;\n\n SELECT 3;\n"),
            [4, 4, 6]
        );
        assert_eq!(lines("SELECT 'a;\n''b;', \"c;\nd\";\nSELECT E'e\\';f', 'g\\';\nSELECT 1"), [1, 4, 5]);
        assert_eq!(
            lines("DO $$ BEGIN\n; END $$;\nDO $a_1$ $$;\n$a$; $a_1$;\nSELECT $1; SELECT a$b$;\n SELECT 1"),
            [1, 3, 5, 5, 6]
        );
        for unclosed in
            ["SELECT 'a;\n", "SELECT $$;\n", "/* a;\n", "SELECT \"a;\n", "SELECT $", "SELECT E'\\"]
        {
            assert!(lines(unclosed).len() <= 1, "{unclosed:?}");
        }
        assert_eq!(lines(""), [0; 0]);
    }
}
