//! `hops[1].host`: a field of an array's element, as Trino writes it. DataFusion reads it with a string behind the dot only.

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Value, visit_expressions_mut};
use std::ops::ControlFlow;

/// Puts fields behind brackets in the form that DataFusion reads.
pub(super) fn as_datafusion_has_them(statement: &mut Statement) {
    match statement {
        Statement::Explain(explain) => as_datafusion_has_them(&mut explain.statement),
        Statement::Statement(statement) => {
            let _: ControlFlow<()> = visit_expressions_mut(statement.as_mut(), |expr| {
                if let Expr::CompoundFieldAccess { access_chain, .. } = expr {
                    access_chain.iter_mut().for_each(named);
                }
                ControlFlow::Continue(())
            });
        }
        _ => {}
    }
}

fn named(access: &mut AccessExpr) {
    if let AccessExpr::Dot(field) = access
        && let Expr::Identifier(name) = field
    {
        let name = if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() };
        *field = Expr::Value(Value::SingleQuotedString(name).into());
    }
}
