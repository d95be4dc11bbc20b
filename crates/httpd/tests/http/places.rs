//! Namespaces, node pools, how a region schedules, evaluations that are deleted, and looking for parts of names.

use serde_json::{Value, json};

use crate::shapes::Shapes;
use crate::world::{EVAL, NEXT_EVAL, NODE, Server};

/// Lists, in order and in pages, and single ones; what is not there has the text that clients know.
#[tokio::test]
async fn reading() {
    let server = Server::start().await;
    let shapes = Shapes::load();
    let names = async |path: &str| -> String {
        let answer = server.get(path).await;
        let names: Vec<String> = answer.json().as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap().to_owned()).collect();
        format!("{} {}", names.join(","), answer.header("x-nomad-nexttoken")).trim().to_owned()
    };
    assert_eq!(names("/v1/namespaces").await, "default,dev,prod");
    assert_eq!(names("/v1/namespaces?prefix=de").await, "default,dev");
    assert_eq!(names("/v1/node/pools?per_page=2").await, "all,default gpu");
    assert_eq!(names("/v1/node/pools?per_page=2&next_token=gpu").await, "gpu");
    assert_eq!(names("/v1/node/pools?reverse=true&per_page=1").await, "gpu default");
    assert_eq!(names("/v1/node/pools?filter=Name+%3D%3D+gpu").await, "gpu");
    assert_eq!(names("/v1/node/pool/default/nodes").await, "n1");
    assert_eq!(names("/v1/node/pool/all/nodes").await, "n1");
    assert_eq!(names("/v1/node/pool/gpu/nodes").await, "");
    assert_eq!(names("/v1/node/pool/gpu/jobs?namespace=*").await, "");
    shapes.check("Namespace", &server.get("/v1/namespace/dev").await.json());
    assert_eq!(server.get("/v1/node/pool/gpu").await.json()["Name"], "gpu");
    let config = server.get("/v1/operator/scheduler/configuration").await.json();
    shapes.check("SchedulerConfigurationResponse", &config);
    assert_eq!(config["SchedulerConfig"]["PreemptionConfig"]["SystemSchedulerEnabled"], true);
    for (path, status, text) in [
        ("/v1/namespace/nope", 404, "Namespace not found"),
        ("/v1/node/pool/nope", 404, "node pool not found"),
        ("/v1/node/pool/nope/nodes", 404, "node pool not found"),
        ("/v1/node/pool/nope/jobs", 404, "node pool not found"),
        ("/v1/node/pool/gpu/nodes?prefix=a", 400, "prefix argument not allowed"),
        ("/v1/node/pool/gpu/moon", 404, "resource not found"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{path}");
    }
}

/// Rows: a write, its body, and what the region is asked, or the refusal.
#[tokio::test]
async fn writing() {
    let server = Server::start().await;
    for (method, path, body, status, expected) in [
        ("PUT", "/v1/namespace", json!({"Name": "dev", "Description": "d"}), 200, "UpsertNamespace(NamespaceSpec { name: \"dev\""),
        ("POST", "/v1/namespace/dev", json!({"CreateIndex": 7}), 200, "create_index: 0"),
        ("PUT", "/v1/namespace/dev", json!({"Name": "prod"}), 400, "Namespace name does not match request path"),
        (
            "PUT",
            "/v1/namespace",
            json!({"Name": "dev", "VaultConfiguration": {"Default": "x"}}),
            400,
            "VaultConfiguration: not supported yet",
        ),
        ("DELETE", "/v1/namespace/dev", Value::Null, 200, "DeleteNamespace(\"dev\")"),
        ("PUT", "/v1/node/pools", json!({"Name": "gpu", "Meta": {"a": "b"}}), 200, "UpsertNodePool(NodePool { name: \"gpu\""),
        ("PUT", "/v1/node/pool/gpu", json!({"SchedulerConfiguration": {"SchedulerAlgorithm": "spread"}}), 200, "algorithm: Spread"),
        ("PUT", "/v1/node/pool/gpu", json!({"Name": "cpu"}), 400, "Node pool name does not match request path"),
        (
            "PUT",
            "/v1/node/pools",
            json!({"Name": "gpu", "NodeIdentityTTL": "24h"}),
            400,
            "NodeIdentityTTL: node identities are not supported yet",
        ),
        ("DELETE", "/v1/node/pool/gpu", Value::Null, 200, "DeleteNodePool(\"gpu\")"),
        ("PUT", "/v1/operator/scheduler/configuration", json!({"PauseEvalBroker": true}), 200, "pause_eval_broker: true"),
        ("PUT", "/v1/operator/scheduler/configuration?cas=x", json!({}), 400, "Expect a number for `cas` query string parameter"),
        ("DELETE", "/v1/evaluations", json!({"EvalIDs": [EVAL]}), 200, "DeleteEvals { ids: [aaaaaaaa"),
        ("DELETE", "/v1/evaluations", json!({"Filter": "Status == blocked"}), 200, "DeleteEvals { ids: [bbbbbbbb"),
        ("DELETE", "/v1/evaluations", json!({"Filter": "Status == pending"}), 200, "DeleteEvals { ids: [] }"),
    ] {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = server.send(method, path, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
        let got = if status == 200 { server.world.last_call() } else { answer.text() };
        assert!(got.contains(expected), "{method} {path} {body}: {got}");
    }
    let updated = async |cas: &str| {
        let answer = server.send("PUT", &format!("/v1/operator/scheduler/configuration{cas}"), "{}").await.json();
        answer["Updated"].as_bool().unwrap()
    };
    assert_eq!((updated("").await, updated("?cas=9").await, updated("?cas=8").await), (true, true, false));
    let deleted = server.send("DELETE", "/v1/evaluations", &json!({"EvalIDs": [EVAL, NEXT_EVAL]}).to_string()).await.json();
    assert_eq!((&deleted["Count"], &deleted["Index"]), (&json!(2), &json!(31)));
}

/// Who looks for jobs by a part of their names finds parts of jobs, too, each with the place where it is.
#[tokio::test]
async fn fuzzy() {
    let server = Server::start().await;
    let search = async |body: Value| server.send("PUT", "/v1/search/fuzzy", &body.to_string()).await;
    let found = search(json!({"Text": "web", "Context": "jobs"})).await.json();
    Shapes::load().check("FuzzySearchResponse", &found);
    let of = |id: &str| json!([{"ID": id, "Scope": ["default"]}]);
    assert_eq!(found["Matches"], json!({"jobs": of("web"), "groups": of("web-group")}));
    assert_eq!((&found["Truncations"]["groups"], &found["Truncations"]["jobs"]), (&json!(true), &json!(false)));
    assert_eq!(search(json!({"Text": "eeeeeeee"})).await.json()["Matches"]["nodes"][0]["ID"], NODE);
    let nothing = search(json!({"Text": "web", "Context": "vars"})).await.json();
    Shapes::load().check("FuzzySearchResponse", &nothing);
    assert_eq!((&nothing["Matches"], &nothing["Truncations"]), (&Value::Null, &json!({"vars": false})));
}
