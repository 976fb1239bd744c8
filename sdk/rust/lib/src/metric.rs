use crate::host;

/// Counts `streamline_transform_guest_counter_total{name="…"}` up. `name` is up to 64 lower-case letters, digits and `_`, not a
/// digit first, and `by` is 0 or more: anything else fails the record and costs the instance.
pub fn metric_add(name: &str, by: f64) {
    host::metric_add(name, by);
}

/// Sets `streamline_transform_guest_gauge{name="…"}`; a name as for [`metric_add`].
pub fn metric_set(name: &str, value: f64) {
    host::metric_set(name, value);
}
