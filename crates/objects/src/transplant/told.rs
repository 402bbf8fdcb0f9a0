//! What stays as it is, and that a person has to know: addresses, volumes and backends that only they can judge. Start at any of
//! the functions: each looks at one object, and gives the item and the reason.

use super::Item;
use crate::Object;
use serde_json::Value;

/// ConfigMaps that name an API server, and whom they lead to it.
const OF_API_SERVER: [(&str, &str, &str); 3] = [
    ("kube-public", "cluster-info", "nodes that join"),
    ("kube-system", "kubeadm-config", "kubeadm"),
    ("kube-system", "kube-proxy", "kube-proxy on every node"),
];

/// Whom a ConfigMap leads to the API server, if it does.
pub(super) fn of_api_server(namespace: &str, name: &str) -> Option<&'static str> {
    let found = OF_API_SERVER.iter().find(|it| (it.0, it.1) == (namespace, name));
    found.map(|it| it.2)
}

/// The address in such a ConfigMap.
pub(super) fn address(object: &Object, whose: &str) -> Option<(Item, String)> {
    let texts = object.at("/data")?.as_object()?.values().filter_map(Value::as_str);
    let found = texts.flat_map(str::lines).find_map(|line| {
        let (name, value) = line.trim().trim_start_matches("- ").split_once(": ")?;
        let value = value.trim().trim_matches(['"', '\'']);
        (matches!(name, "server" | "controlPlaneEndpoint") && !value.is_empty()).then(|| value.to_owned())
    })?;
    let [namespace, name] = ["namespace", "name"].map(|it| object.metadata(it).unwrap_or_default());
    let mend = format!("kubectl -n {namespace} edit configmap {name}");
    Some((
        Item::Addresses,
        format!("it leads {whose} to {found}: if that name does not move along, {mend}"),
    ))
}

/// Where the data of a volume is.
pub(super) fn volume(object: &Object) -> Option<(Item, String)> {
    let spec = object.at("/spec")?;
    let text = |at: &str| spec.pointer(at).and_then(Value::as_str);
    if spec.get("local").or_else(|| spec.get("hostPath")).is_some() {
        let note = "its data is on the disk of a node: bring it back from the volume's copy";
        return Some((Item::Nodes, note.to_owned()));
    }
    let data = match (text("/csi/driver"), text("/csi/volumeHandle"), text("/nfs/server"), text("/nfs/path")) {
        (Some(driver), Some(handle), ..) => format!("{handle} of {driver}"),
        (_, _, Some(server), Some(path)) => format!("{server}:{path}"),
        _ => "a volume of its storage system".to_owned(),
    };
    let place = text("/nodeAffinity/required/nodeSelectorTerms/0/matchExpressions/0/key");
    let place = place.map_or_else(String::new, |key| format!(", and nodes are bound to it by their label {key}"));
    Some((Item::Volumes, format!("its data is {data}: that has to be there{place}")))
}

/// Which Service serves kinds, or converts them.
pub(super) fn backend(object: &Object) -> Option<(Item, String)> {
    let service = |it: &Value| {
        let name = it["name"].as_str()?;
        Some(format!("{}/{name}", it["namespace"].as_str().unwrap_or_default()))
    };
    let converter = object
        .at("/spec/conversion/webhook/clientConfig/service")
        .or_else(|| object.at("/spec/conversion/webhookClientConfig/service"));
    let note = match (object.at("/spec/service").and_then(service), converter.and_then(service)) {
        (Some(it), _) => {
            format!("Service {it} serves its kinds: until that is up they are missing, and no namespace goes")
        }
        (_, Some(it)) => {
            format!("Service {it} converts its objects: until that is up, those in other versions cannot be read")
        }
        (None, None) => return None,
    };
    Some((Item::Webhooks, note))
}
