//! The rows of a query that succeeded: by pages of the API where they are few or where there is no file, else from the file.

use super::client::Client;
use super::csv::{Item, Tokenizer};
use super::sql::Question;
use super::types::{schema, typed};
use crate::error::{Error, Result};
use crate::storage::Stores;
use arrow::array::{ArrayRef, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::SchemaRef;
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::{ColumnInfo, Row};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use std::collections::VecDeque;
use std::sync::Arc;

/// Rows of a batch from the file.
const BATCH_ROWS: usize = 8_192;
/// A batch ends early at this much text: rows may be large.
const BATCH_BYTES: usize = 4 << 20;

/// Where a result is.
pub(super) struct Finished {
    pub(super) id: String,
    pub(super) question: Question,
    /// The CSV file; none where the workgroup manages results itself, and for answers that are no rows.
    pub(super) file: Option<String>,
}

/// Columns and rows of an answer.
pub(super) type Rows = (SchemaRef, BoxStream<'static, Result<RecordBatch>>);

/// The rows as they come.
pub(super) async fn rows(client: &Client, stores: &Stores, finished: &Finished) -> Result<Rows> {
    let first = client.results(&finished.id, None).await?;
    match finished.question {
        Question::Rows => {}
        Question::Plan => return plan(client, &finished.id, first).await,
        Question::Columns => return columns(client, &finished.id, first).await,
        Question::Lines => return lines(client, &finished.id, first),
    }
    let names: Vec<String> = columns_of(&first).iter().map(|column| column.name.clone()).collect();
    let schema = schema(columns_of(&first))?;
    let batches = match (&finished.file, &first.next_token) {
        (Some(file), Some(_)) => from_file(stores, file, names, schema.clone()).await?,
        _ => by_pages(client, &finished.id, first, Some(names), schema.clone()),
    };
    Ok((schema, batches))
}

fn columns_of(page: &GetQueryResultsOutput) -> &[ColumnInfo] {
    page.result_set().and_then(|set| set.result_set_metadata()).map(|data| data.column_info()).unwrap_or_default()
}

fn rows_of(page: &GetQueryResultsOutput) -> &[Row] {
    page.result_set().map(|set| set.rows()).unwrap_or_default()
}

/// Page by page; with `header`, the first row of all must be that.
fn by_pages(
    client: &Client,
    id: &str,
    first: GetQueryResultsOutput,
    header: Option<Vec<String>>,
    schema: SchemaRef,
) -> BoxStream<'static, Result<RecordBatch>> {
    let text = Text::new(schema, header);
    let pages = pages(client, id, first);
    stream::try_unfold((pages, text), |(mut pages, mut text)| async move {
        let Some(page) = pages.try_next().await? else {
            return match text.is_headless() {
                true => Err(misshapen("the result has no header")),
                false => Ok(None),
            };
        };
        for row in rows_of(&page) {
            row.data().iter().for_each(|value| text.field(value.var_char_value()));
            text.end_row()?;
        }
        Ok(Some((text.batch()?, (pages, text))))
    })
    .boxed()
}

fn pages(client: &Client, id: &str, first: GetQueryResultsOutput) -> BoxStream<'static, Result<GetQueryResultsOutput>> {
    let (client, id) = (client.clone(), id.to_owned());
    let token = first.next_token.clone();
    let rest = stream::try_unfold(token, move |token| {
        let (client, id) = (client.clone(), id.clone());
        async move {
            let Some(token) = token else { return Ok(None) };
            let page = client.results(&id, Some(token)).await?;
            let next = page.next_token.clone();
            Ok(Some((page, next)))
        }
    });
    stream::once(async { Ok(first) }).chain(rest).boxed()
}

async fn from_file(
    stores: &Stores,
    url: &str,
    header: Vec<String>,
    schema: SchemaRef,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let unread = |error: Error| error.context(format!("cannot read the query's result {url}"));
    let (folder, name) = url.rsplit_once('/').ok_or_else(|| misshapen("the result's location is no URL"))?;
    let folder = stores.open(folder).await.map_err(unread)?;
    let found = folder.store().get_opts(&folder.path(name), Default::default()).await;
    let bytes = found.map_err(|error| unread(error.into()))?.into_stream();
    let url = url.to_owned();
    let bytes = bytes.map_err(move |error| Error::from(error).context(format!("cannot read the query's result {url}")));
    let reader =
        File { text: Text::new(schema, Some(header)), tokenizer: Tokenizer::default(), ready: VecDeque::new() };
    Ok(reader.batches(bytes.boxed()))
}

/// A result file on its way in: memory is bounded by a chunk and a batch.
struct File {
    text: Text,
    tokenizer: Tokenizer,
    ready: VecDeque<RecordBatch>,
}

impl File {
    fn batches(self, bytes: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<RecordBatch>> {
        stream::try_unfold((self, Some(bytes)), |(mut file, mut bytes)| async move {
            loop {
                if let Some(batch) = file.ready.pop_front() {
                    return Ok(Some((batch, (file, bytes))));
                }
                let Some(source) = &mut bytes else { return Ok(None) };
                match source.try_next().await? {
                    Some(chunk) => file.take(&chunk)?,
                    None => {
                        file.end()?;
                        bytes = None;
                    }
                }
            }
        })
        .boxed()
    }

    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        let File { text, tokenizer, ready } = self;
        tokenizer.feed(chunk, |item| text.item(item, ready))
    }

    fn end(&mut self) -> Result<()> {
        let File { text, tokenizer, ready } = self;
        if !tokenizer.finish(|item| text.item(item, ready))? || text.is_headless() {
            return Err(misshapen("the result file ends too early"));
        }
        if text.rows > 0 {
            ready.push_back(text.batch()?);
        }
        Ok(())
    }
}

/// Rows as text, before they have their types.
struct Text {
    schema: SchemaRef,
    /// What the first row must be; then none.
    header: Option<Vec<String>>,
    columns: Vec<StringBuilder>,
    /// The column of the next value.
    at: usize,
    rows: usize,
    bytes: usize,
    /// Rows that are out.
    before: u64,
    /// What is wrong with the row that is being read.
    wrong: Option<String>,
}

impl Text {
    fn new(schema: SchemaRef, header: Option<Vec<String>>) -> Self {
        let columns = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        Text { schema, header, columns, at: 0, rows: 0, bytes: 0, before: 0, wrong: None }
    }

    fn is_headless(&self) -> bool {
        self.header.is_some()
    }

    fn item(&mut self, item: Item<'_>, ready: &mut VecDeque<RecordBatch>) -> Result<()> {
        match item {
            Item::Field(None) => self.field(None),
            Item::Field(Some(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => self.field(Some(text)),
                Err(_) => {
                    self.wrong = Some(format!("value {} is no UTF-8", self.at + 1));
                    self.field(None);
                }
            },
            Item::Row => {
                self.end_row()?;
                if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                    ready.push_back(self.batch()?);
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, value: Option<&str>) {
        if let (Some(header), Some(value)) = (&self.header, value)
            && header.get(self.at).is_some_and(|name| name != value)
        {
            self.wrong = Some(format!("its header names {value:?} where the column {:?} stands", header[self.at]));
        }
        if let Some(column) = self.columns.get_mut(self.at) {
            column.append_option(value);
        }
        self.bytes += value.map_or(0, str::len);
        self.at += 1;
    }

    fn end_row(&mut self) -> Result<()> {
        let (row, width) = (self.before + self.rows as u64 + 1, self.columns.len());
        if self.at != width {
            return Err(misshapen(&format!("row {row} has {} values, not {width}", self.at)));
        }
        if let Some(wrong) = self.wrong.take() {
            return Err(misshapen(&format!("row {row}: {wrong}")));
        }
        self.at = 0;
        match self.header.take() {
            Some(_) => self.columns.iter_mut().for_each(|column| drop(column.finish())),
            None => self.rows += 1,
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<RecordBatch> {
        let columns: Vec<StringArray> = self.columns.iter_mut().map(StringBuilder::finish).collect();
        let batch = typed(&self.schema, &columns, self.rows, self.before + 1)?;
        self.before += self.rows as u64;
        (self.rows, self.bytes) = (0, 0);
        Ok(batch)
    }
}

fn misshapen(what: &str) -> Error {
    Error::storage(format!("Athena's result cannot be read: {what}"))
        .hint("run the query again; the file may have been changed")
}

/// Every line of an answer that is text: the values of a row, apart by tabs.
async fn all_lines(client: &Client, id: &str, first: GetQueryResultsOutput) -> Result<Vec<String>> {
    let pages: Vec<_> = pages(client, id, first).try_collect().await?;
    Ok(pages.iter().flat_map(rows_of).map(line).collect())
}

fn line(row: &Row) -> String {
    row.data().iter().map(|value| value.var_char_value().unwrap_or_default()).collect::<Vec<_>>().join("\t")
}

fn strings(name: &str, values: Vec<String>) -> (String, ArrayRef) {
    (name.to_owned(), Arc::new(StringArray::from(values)))
}

fn whole(columns: Vec<(String, ArrayRef)>) -> Result<Rows> {
    let batch =
        RecordBatch::try_from_iter(columns).map_err(|e| Error::internal("an answer's columns differ").caused_by(e))?;
    Ok((batch.schema(), stream::once(async { Ok(batch) }).boxed()))
}

/// A plan in one piece, with the columns that the local engine gives plans in.
async fn plan(client: &Client, id: &str, first: GetQueryResultsOutput) -> Result<Rows> {
    let title = columns_of(&first).first().map(|column| column.name.clone()).unwrap_or_default();
    let mut lines = all_lines(client, id, first).await?;
    if lines.first() == Some(&title) {
        lines.remove(0); // some statements get a header, and some do not
    }
    whole(vec![strings("plan_type", vec!["athena_plan".into()]), strings("plan", vec![lines.join("\n")])])
}

/// A row a column, as the local engine describes tables: Hive's text has comments, and partition keys twice.
async fn columns(client: &Client, id: &str, first: GetQueryResultsOutput) -> Result<Rows> {
    let lines = all_lines(client, id, first).await?;
    let (mut names, mut types) = (Vec::new(), Vec::new());
    for line in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split('\t').map(str::trim);
        let (name, data_type) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
            types.push(data_type.to_owned());
        }
    }
    whole(vec![strings("column_name", names), strings("data_type", types)])
}

/// Text as it comes, a row a line, under the first column's name.
fn lines(client: &Client, id: &str, first: GetQueryResultsOutput) -> Result<Rows> {
    let name = columns_of(&first).first().map_or_else(|| "result".to_owned(), |column| column.name.clone());
    let (none, _) = whole(vec![strings(&name, Vec::new())])?;
    let schema = none.clone();
    let batches = pages(client, id, first).map(move |page| {
        let lines: StringArray = rows_of(&page?).iter().map(|row| Some(line(row))).collect();
        RecordBatch::try_new(schema.clone(), vec![Arc::new(lines)])
            .map_err(|e| Error::internal("an answer's columns differ").caused_by(e))
    });
    Ok((none, batches.boxed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;

    fn columns(types: &[&str]) -> Vec<ColumnInfo> {
        let column =
            |(at, name): (usize, &&str)| ColumnInfo::builder().name(format!("c{at}")).r#type(*name).build().unwrap();
        types.iter().enumerate().map(column).collect()
    }

    fn read(types: &[&str], chunks: Vec<Vec<u8>>) -> Result<Vec<RecordBatch>> {
        let columns = columns(types);
        let header = columns.iter().map(|column| column.name.clone()).collect();
        let text = Text::new(schema(&columns).unwrap(), Some(header));
        let file = File { text, tokenizer: Tokenizer::default(), ready: VecDeque::new() };
        let chunks = stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)))).boxed();
        futures::executor::block_on(file.batches(chunks).try_collect())
    }

    #[test]
    fn a_file_of_many_batches_has_every_row_in_order() {
        let mut text = "\"c0\",\"c1\"\n".to_owned();
        (0..20_000).for_each(|row| text.push_str(&format!("\"{row}\",\n")));
        let batches =
            read(&["integer", "varchar"], text.as_bytes().chunks(1000).map(<[u8]>::to_vec).collect()).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [8192, 8192, 3616]);
        let numbers = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().values().to_vec());
        assert!(numbers.eq(0..20_000));
        assert_eq!(batches[2].column(1).null_count(), 3616);
    }

    #[test]
    fn a_file_that_is_not_the_result_is_told() {
        for (text, expected) in [
            ("", "ends too early"),
            ("\"c0\"\n\"1", "ends too early"),
            ("\"other\"\n", "row 1: its header names \"other\""),
            ("\"c0\"\n\"1\",\"2\"\n", "row 1 has 2 values, not 1"),
        ] {
            let error = read(&["integer"], vec![text.into()]).unwrap_err();
            assert!(error.kind() == Kind::Storage && error.message().contains(expected), "{error}");
        }
        let error = read(&["integer"], vec![b"\"c0\"\n\"1\"\n\"x\"\n".to_vec()]).unwrap_err();
        assert_eq!(error.message(), "column c0, row 2: \"x\" is no integer");
        assert!(read(&["varchar"], vec![b"\"c0\"\n\"\xff\"\n".to_vec()]).unwrap_err().message().contains("no UTF-8"));
    }
}
