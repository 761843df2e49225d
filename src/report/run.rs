//! One question: asked, and checked while the answer streams by.

use super::check::Check;
use super::{Answered, Question};
use crate::error::Result;
use crate::query::Engine;
use futures::TryStreamExt;

/// Asks a question and reads the answer to its end. Expectations that do not hold are part of the result, not errors.
///
/// # Errors
/// Whatever broke the query, and expectations that do not fit the answer's columns.
pub async fn run(engine: &dyn Engine, question: &Question) -> Result<Answered> {
    let mut answer = engine.run(&question.bound).await?;
    let mut checks = Vec::new();
    for expectation in &question.expectations {
        let at = |error: crate::error::Error| {
            error.context(format!(
                "{}, line {}: cannot check the expectation {:?}",
                question.bound.origin, expectation.line, expectation.text
            ))
        };
        checks.push(Check::begin(expectation, &answer.schema).map_err(at)?);
    }
    let mut rows = 0;
    while let Some(batch) = answer.batches.try_next().await? {
        for check in &mut checks {
            check.read(&batch, rows)?;
        }
        rows += batch.num_rows() as u64;
    }
    let checked = checks.into_iter().map(|check| check.finish(rows)).collect::<Result<_>>()?;
    Ok(Answered { rows, checked, footer: answer.cost.map(|cost| cost.to_string()) })
}
