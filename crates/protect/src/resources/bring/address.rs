//! Addresses and ports of Services, which only one may have. Start at [`is_taken`].

use cluster::Error;
use serde_json::Value;

/// Fields of a Service that no other one may have the same of.
const ADDRESS: [&str; 3] = ["clusterIP", "clusterIPs", "healthCheckNodePort"];

/// What a person is told of it.
pub(super) const OTHER: &str = "its address or port is taken: it gets another one";

/// Whether a Service is refused since its address or port is another's, or not one of this cluster. Source: `k8s.io/kubernetes`
/// `pkg/registry/core/service` (`ipallocator`, `portallocator`).
pub(super) fn is_taken(whole: &Value, error: &Error) -> bool {
    let Error::Invalid { reason, .. } = error else {
        return false;
    };
    whole["kind"] == "Service"
        && ["already allocated", "not in the valid range"]
            .iter()
            .any(|text| reason.contains(text))
}

/// Lets the API server choose.
pub(super) fn leave_out(whole: &mut Value) {
    if let Some(spec) = whole["spec"].as_object_mut() {
        ADDRESS.iter().for_each(|it| drop(spec.remove(*it)));
    }
    let ports = whole["spec"]["ports"].as_array_mut().into_iter().flatten();
    ports
        .filter_map(Value::as_object_mut)
        .for_each(|port| drop(port.remove("nodePort")));
}

/// One that is there keeps the address that it has: it cannot get another one.
pub(super) fn keep(whole: &mut Value, now: &Value) {
    if whole["kind"] != "Service" || whole["spec"]["clusterIP"] == now["spec"]["clusterIP"] {
        return;
    }
    leave_out(whole);
    for field in &ADDRESS[..2] {
        if !now["spec"][field].is_null() {
            whole["spec"][field] = now["spec"][field].clone();
        }
    }
}
