//! Prices an order: parses it, adds up its items, renames and adds fields, writes it again.
//!
//! { "order_id", "placed_at", "items": [{ "qty", "unit_price", … }], … } becomes
//! { "id", "ordered_at", "items": [{ …, "line_total" }], …, "item_count", "total", "status": "priced" }.
//! Amounts are added in decimal, so 0.1 + 0.2 is 0.3; what is no such order fails.

mod abi;
mod decimal;

use decimal::Decimal;
use serde_json::{Map, Number, Value};

/// Records only: there is nothing to configure.
#[unsafe(no_mangle)]
pub extern "C" fn transform(input: *const u8, input_len: u32, output: *mut u8) -> u32 {
    abi::run(input, input_len, output, |value| {
        let order = serde_json::from_slice(value).ok()?;
        serde_json::to_vec(&priced(order)?).ok()
    })
}

fn priced(order: Value) -> Option<Value> {
    let Value::Object(fields) = order else { return None };
    let mut out = Map::with_capacity(fields.len() + 3);
    let mut sums = None;
    for (name, value) in fields {
        match name.as_str() {
            "order_id" => out.insert("id".into(), value),
            "placed_at" => out.insert("ordered_at".into(), value),
            "items" => {
                let (items, count, total) = priced_items(value)?;
                sums = Some((count, total));
                out.insert(name, items)
            }
            _ => out.insert(name, value),
        };
    }
    let (count, total) = sums?;
    out.insert("item_count".into(), count.into());
    out.insert("total".into(), number(total)?);
    out.insert("status".into(), "priced".into());
    Some(Value::Object(out))
}

fn priced_items(items: Value) -> Option<(Value, u64, Decimal)> {
    let Value::Array(mut items) = items else { return None };
    let mut count = 0u64;
    let mut total = Decimal::ZERO;
    for item in &mut items {
        let item = item.as_object_mut()?;
        let qty = item.get("qty")?.as_u64()?;
        let price = Decimal::parse(item.get("unit_price")?.as_number()?.as_str())?;
        let line = price.times(qty)?;
        item.insert("line_total".into(), number(line)?);
        count = count.checked_add(qty)?;
        total = total.plus(line)?;
    }
    Some((Value::Array(items), count, total))
}

fn number(amount: Decimal) -> Option<Value> {
    amount.to_string().parse::<Number>().ok().map(Value::Number)
}
