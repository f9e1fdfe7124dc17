//! `cellctl simulate`, as its binary: it must not need a deployment.

use serde_json::Value;
use tokio::process::Command;

/// The output of a run.
struct Said {
    code: Option<i32>,
    data: String,
    talk: String,
}

/// Runs `cellctl` in an environment without credentials, region or endpoint.
async fn cellctl(line: &str) -> Said {
    let said = Command::new(env!("CARGO_BIN_EXE_cellctl"))
        .args(line.split_whitespace())
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .await
        .unwrap();
    let [data, talk] = [said.stdout, said.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Said { code: said.status.code(), data, talk }
}

/// Returns the cells of a table's rows.
fn rows(data: &str) -> Vec<Vec<&str>> {
    let lines = data.lines().filter(|line| line.starts_with('│'));
    lines.map(|line| line.trim_matches('│').split('┆').map(str::trim).collect()).collect()
}

#[tokio::test]
async fn twelve_cells_without_credentials() {
    let said = cellctl("simulate --fail 2").await;
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let rows = rows(&said.data);
    assert_eq!(rows[0], ["", "cells", "least loaded", "mean", "most loaded", "most / mean"]);
    assert_eq!(
        (rows[1][..2].to_vec(), rows[2][..2].to_vec()),
        (vec!["as placed", "12"], vec!["with one cell more", "13"])
    );
    let lost = |at: usize| (rows[at][0], rows[at][2], rows[at][4]);
    assert_eq!(lost(rows.len() - 2), ("1", "0.00 %", "0.00 %"));
    assert_eq!(lost(rows.len() - 1), ("2", "1.52 %", "1.52 %"));
    assert!(said.talk.starts_with("10000 tenants placed; each cell takes 104167\n"), "{}", said.talk);
    assert!(
        said.talk.contains("one cell more moves 731 of 10000 tenants, with 7.31 % of the load; 7.69 % would be even"),
        "{}",
        said.talk
    );
}

#[tokio::test]
async fn a_report_for_programs_has_its_input_and_its_figures() {
    let said = cellctl("simulate --cells 5 --tenants 200 --skew 0.5 --undeclared --output json").await;
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let report: Value = serde_json::from_str(&said.data).unwrap();
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "best_most_over_mean",
        "capacity",
        "failures",
        "growth",
        "heaviest",
        "load",
        "overlap",
        "placed",
        "refused",
        "scenario",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&report["placed"], &report["scenario"]["undeclared"]), (&Value::from(200), &Value::from(true)));
    assert_eq!(report["failures"].as_array().unwrap().len(), 3);
    assert_eq!(report["growth"]["load"]["cells"].as_array().unwrap().len(), 6);
    let again = cellctl("simulate --cells 5 --tenants 200 --skew 0.5 --undeclared --output json").await;
    assert_eq!(again.data, said.data);
}

#[tokio::test]
async fn a_picture_is_kept_in_a_file() {
    let file = std::env::temp_dir().join(format!("cellctl-simulate-{}.svg", std::process::id()));
    let said = cellctl(&format!("simulate --cells 4 --tenants 100 --svg {}", file.display())).await;
    let svg = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert!(svg.starts_with("<svg ") && svg.contains("100 tenants in 4 cells"), "{svg}");
    assert!(said.talk.contains("drawn into "), "{}", said.talk);
}

#[tokio::test]
async fn tenants_without_room_and_options_out_of_bounds_are_said() {
    let said = cellctl("simulate --cells 100 --tenants 1000 --skew 1.2").await;
    assert_eq!(said.code, Some(3), "{}", said.talk);
    assert!(said.talk.contains("tenants found no room: the heaviest weighs "), "{}", said.talk);
    let said = cellctl("simulate --cells 0").await;
    assert_eq!(said.code, Some(1), "{}", said.talk);
    assert_eq!(said.talk, "error: the number of cells is 0; expected a number from 1 to 1000\n");
    let said = cellctl("simulate --svg /nonexistent/a.svg --tenants 10").await;
    assert!(said.talk.contains("error: could not write the picture to /nonexistent/a.svg"), "{}", said.talk);
}
