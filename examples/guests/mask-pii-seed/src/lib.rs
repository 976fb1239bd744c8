// mask_pii/src/lib.rs
// Compile with: cargo build --target wasm32-wasi --release

use serde_json::{Value, Map};

static mut CONFIG: Option<Vec<String>> = None;

#[no_mangle]
pub extern "C" fn init(config_ptr: *const u8, config_len: u32) -> u32 {
    let config_bytes = unsafe { std::slice::from_raw_parts(config_ptr, config_len as usize) };
    let config: Value = serde_json::from_slice(config_bytes).unwrap_or(Value::Null);

    if let Some(fields) = config.get("fields_to_mask").and_then(|v| v.as_array()) {
        let field_names: Vec<String> = fields
            .iter()
            .filter_map(|f| f.as_str().map(String::from))
            .collect();
        unsafe { CONFIG = Some(field_names); }
    }
    1 // success
}

#[no_mangle]
pub extern "C" fn transform(input_ptr: *const u8, input_len: u32, output_ptr: *mut u8) -> u32 {
    let input = unsafe { std::slice::from_raw_parts(input_ptr, input_len as usize) };

    let mut value: Value = match serde_json::from_slice(input) {
        Ok(v) => v,
        Err(_) => return 0, // pass through unparseable messages
    };

    let fields = unsafe { CONFIG.as_ref() };
    if let (Some(obj), Some(fields)) = (value.as_object_mut(), fields) {
        mask_fields(obj, fields);
    }

    let output = serde_json::to_vec(&value).unwrap_or_default();
    let len = output.len();
    unsafe {
        std::ptr::copy_nonoverlapping(output.as_ptr(), output_ptr, len);
    }
    len as u32
}

#[no_mangle]
pub extern "C" fn filter(_input_ptr: *const u8, _input_len: u32) -> u32 {
    1 // accept all messages
}

fn mask_fields(obj: &mut Map<String, Value>, fields: &[String]) {
    for field in fields {
        if let Some(val) = obj.get_mut(field) {
            if val.is_string() {
                *val = Value::String("***REDACTED***".to_string());
            }
        }
    }
}
