//! What is told of one container: what one needs to know, without the values of its variables.

use serde_json::Value;
use serde_json::json;

/// The useful part of what the engine says of a container.
pub(super) fn of_container(engine: &Value) -> Value {
    let at = |pointer: &str| engine.pointer(pointer).cloned().unwrap_or(Value::Null);
    let variables: Vec<&str> = engine
        .pointer("/Config/Env")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        // Their values are where secrets are kept.
        .filter_map(|variable| variable.split('=').next())
        .collect();
    let mounts: Vec<Value> = engine
        .get("Mounts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|mount| {
            let at = |name: &str| mount.get(name).cloned().unwrap_or(Value::Null);
            json!({"source": at("Source"), "destination": at("Destination"), "writable": at("RW")})
        })
        .collect();
    json!({
        "id": at("/Id"),
        "name": engine.get("Name").and_then(Value::as_str).map(|name| name.trim_start_matches('/')),
        "image": at("/Config/Image"),
        "created": at("/Created"),
        "state": {
            "status": at("/State/Status"),
            "started": at("/State/StartedAt"),
            "finished": at("/State/FinishedAt"),
            "exit_code": at("/State/ExitCode"),
            "out_of_memory": at("/State/OOMKilled"),
            "error": at("/State/Error"),
            "health": at("/State/Health/Status"),
        },
        "restarts": at("/RestartCount"),
        "restart_policy": at("/HostConfig/RestartPolicy/Name"),
        "entrypoint": at("/Config/Entrypoint"),
        "command": at("/Config/Cmd"),
        "working_directory": at("/Config/WorkingDir"),
        "user": at("/Config/User"),
        "variables": variables,
        "ports": at("/NetworkSettings/Ports"),
        "networks": engine.pointer("/NetworkSettings/Networks").and_then(Value::as_object)
            .map(|networks| networks.keys().cloned().collect::<Vec<_>>()),
        "mounts": mounts,
        "memory_limit": at("/HostConfig/Memory"),
        "labels": at("/Config/Labels"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_stay_inside() {
        let told = of_container(&json!({
            "Id": "3f", "Name": "/web", "Config": {"Env": ["TOKEN=s3cret", "PATH=/bin"]},
        }));
        assert_eq!(told["variables"], json!(["TOKEN", "PATH"]));
        assert_eq!(told["name"], "web");
        assert!(!told.to_string().contains("s3cret"));
    }
}
