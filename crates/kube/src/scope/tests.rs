use super::*;
use crate::options::Gates;
use crate::run::tests::options;

fn tables(annotations: &[(&str, &str)], accounts: &[(&str, &str)], teams: &[(&str, &str)]) -> Tables {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut tables = Tables { account: "111111111111".parse().ok(), ..Tables::default() };
    tables.namespaces.set("team", Namespace::new(map(annotations), map(&[("env", "prod")])));
    tables.accounts.set(account_map(), map(accounts));
    tables.accounts.set(team_map(), map(teams));
    tables
}

fn subject<'a>(labels: &'a BTreeMap<String, String>, region: Option<&'a str>, known: Option<&'a str>) -> Subject<'a> {
    let kind = sagewright_kinds::find("Model").unwrap();
    Subject { kind, namespace: "team", labels, region, known: (known, None) }
}

#[test]
fn the_region_is_of_the_status_the_object_the_namespace_or_the_flag() {
    let none = BTreeMap::new();
    let of_namespace = [(keys::DEFAULT_REGION, "eu-west-1")];
    // (annotation, status, namespace, region)
    for (said, known, namespace, region) in [
        (None, None, &[][..], Ok("us-east-1")),
        (None, None, &of_namespace[..], Ok("eu-west-1")),
        (Some("us-west-2"), None, &of_namespace[..], Ok("us-west-2")),
        (None, Some("ap-south-1"), &of_namespace[..], Ok("ap-south-1")),
        (Some("us-west-2"), Some("us-west-2"), &[][..], Ok("us-west-2")),
        (Some("us-west-2"), Some("us-east-1"), &[][..], Err("cannot move")),
        (Some("nowhere"), None, &[][..], Err("is not a region")),
    ] {
        let placed = place(&options(), &tables(namespace, &[], &[]), subject(&none, said, known));
        match (placed, region) {
            (Ok(placed), Ok(region)) => assert_eq!(placed.target.region.as_str(), region),
            (Err(Refused::Wrong(why)), Err(part)) => assert!(why.contains(part), "{why}"),
            (placed, region) => panic!("{placed:?} is not {region:?}"),
        }
    }
}

#[test]
fn the_role_is_of_the_team_or_the_account_and_a_missing_one_is_waited_for() {
    let none = BTreeMap::new();
    let account = (keys::OWNER_ACCOUNT_ID, "222222222222");
    let team = (keys::TEAM_ID, "ml");
    let (of_account, of_service, of_team) =
        ("arn:aws:iam::222222222222:role/a", "arn:aws:iam::222222222222:role/s", "arn:aws:iam::333333333333:role/t");
    let all = [("222222222222", of_account), ("sagemaker.222222222222", of_service)];
    let gates =
        |team: bool, service: bool| Gates { team_level_carm: team, service_level_carm: service, ..Gates::default() };
    // (annotations, account map, gates, role)
    for (annotations, accounts, gates, role) in [
        (&[][..], &all[..], gates(true, true), Ok(None)),
        (&[account][..], &all[..], gates(false, false), Ok(Some(of_account))),
        (&[account][..], &all[..], gates(false, true), Ok(Some(of_service))),
        (&[account][..], &all[..1], gates(false, true), Ok(Some(of_account))),
        (&[account, team][..], &all[..], gates(true, false), Ok(Some(of_team))),
        (&[account, team][..], &all[..], gates(false, false), Ok(Some(of_account))),
        (&[account][..], &[][..], gates(false, false), Err("222222222222")),
        (&[(keys::OWNER_ACCOUNT_ID, "111111111111")][..], &[][..], gates(false, false), Ok(None)),
        (&[(keys::TEAM_ID, "other")][..], &[][..], gates(true, false), Err("ack-role-team-map")),
    ] {
        let options = Options { gates, ..options() };
        let placed = place(&options, &tables(annotations, accounts, &[("ml", of_team)]), subject(&none, None, None));
        match (placed, role) {
            (Ok(placed), Ok(role)) => {
                assert_eq!(placed.target.role.as_ref().map(|role| role.arn.as_str()), role);
                let account = role.map(|arn| arn.split(':').nth(4).unwrap());
                assert_eq!(placed.target.account.map(|account| account.to_string()).as_deref(), account);
            }
            (Err(Refused::NoRole(why)), Err(part)) => {
                assert!(why.starts_with("IAM Role is not available") && why.contains(part), "{why}");
            }
            (placed, role) => panic!("{placed:?} is not {role:?}"),
        }
    }
}

#[test]
fn annotations_of_namespaces_do_not_count_where_one_namespace_is_watched() {
    let none = BTreeMap::new();
    let options = Options { namespaces: vec!["team".to_owned()], ..options() };
    let annotations = [
        (keys::DEFAULT_REGION, "eu-west-1"),
        (keys::OWNER_ACCOUNT_ID, "222222222222"),
        (keys::ENDPOINT_URL, "http://x"),
    ];
    let placed = place(&options, &tables(&annotations, &[], &[]), subject(&none, None, None)).unwrap();
    assert_eq!(placed.target, Target::new("us-east-1".parse().unwrap()));
}

#[test]
fn calls_go_to_no_endpoint_where_they_can_be_read() {
    let none = BTreeMap::new();
    let placed = |options: &Options, url: &str| {
        place(options, &tables(&[(keys::ENDPOINT_URL, url)], &[], &[]), subject(&none, None, None))
    };
    let endpoint = |placed: Result<Placed, Refused>| placed.unwrap().target.endpoint;
    assert_eq!(endpoint(placed(&options(), "https://aws.corp")).as_deref(), Some("https://aws.corp"));
    assert!(
        matches!(placed(&options(), "http://aws.corp"), Err(Refused::Wrong(why)) if why.contains("--allow-unsafe-aws-endpoint-urls"))
    );
    let all = Options { trusts: |_| true, ..options() };
    assert_eq!(endpoint(placed(&all, "http://aws.corp")).as_deref(), Some("http://aws.corp"));
}

#[test]
fn a_resource_of_another_account_is_not_touched() {
    let none = BTreeMap::new();
    let subject = Subject { known: (None, Some("222222222222")), ..subject(&none, None, None) };
    assert!(
        matches!(place(&options(), &tables(&[], &[], &[]), subject), Err(Refused::Wrong(why)) if why.contains("222222222222"))
    );
}

#[test]
fn selectors_match_by_namespace_kind_and_labels_and_one_alone() {
    let selector = |name: &str, spec: serde_json::Value| RoleSelector::read(name, &spec);
    let arn = "arn:aws:iam::222222222222:role/r";
    let labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    let options = Options { gates: Gates { iam_role_selector: true, ..Gates::default() }, ..options() };
    for (spec, matches) in [
        (serde_json::json!({"arn": arn}), true),
        (serde_json::json!({"arn": arn, "namespaceSelector": {"names": ["team", "x"]}}), true),
        (serde_json::json!({"arn": arn, "namespaceSelector": {"names": ["x"]}}), false),
        (
            serde_json::json!({"arn": arn, "namespaceSelector": {"names": [], "labelSelector": {"matchLabels": {"env": "prod"}}}}),
            true,
        ),
        (
            serde_json::json!({"arn": arn, "namespaceSelector": {"labelSelector": {"matchLabels": {"env": "dev"}}}}),
            false,
        ),
        (
            serde_json::json!({"arn": arn, "resourceTypeSelector": [{"kind": "Endpoint"}, {"group": "sagemaker.services.k8s.aws", "kind": "Model"}]}),
            true,
        ),
        (serde_json::json!({"arn": arn, "resourceTypeSelector": [{"kind": "Endpoint"}]}), false),
        (serde_json::json!({"arn": arn, "resourceLabelSelector": {"matchLabels": {"tier": "gold"}}}), true),
        (serde_json::json!({"arn": arn, "resourceLabelSelector": {"matchLabels": {"tier": "tin"}}}), false),
    ] {
        let mut tables = tables(&[], &[], &[]);
        tables.selectors.set("one", selector("one", spec.clone()));
        let placed = place(&options, &tables, subject(&labels, None, None)).unwrap();
        assert_eq!(placed.target.role.is_some(), matches, "{spec}");
        assert_eq!(placed.selected.is_some(), matches);
    }
    let mut tables = tables(&[], &[], &[]);
    for name in ["one", "two"] {
        tables.selectors.set(name, selector(name, serde_json::json!({"arn": arn})));
    }
    let refused = place(&options, &tables, subject(&labels, None, None));
    assert!(matches!(refused, Err(Refused::Wrong(why)) if why.contains("one and two")));
}

#[test]
fn the_deletion_policy_is_of_the_object_the_namespace_or_the_flag() {
    use DeletionPolicy::{Delete, Retain};
    let kind = sagewright_kinds::find("Model").unwrap();
    let retains = [("sagemaker.services.k8s.aws/deletion-policy", "retain")];
    for (said, namespace, flag, policy) in [
        (None, &[][..], Delete, Delete),
        (None, &[][..], Retain, Retain),
        (None, &retains[..], Delete, Retain),
        (Some("delete"), &retains[..], Retain, Delete),
        (Some("retain"), &[][..], Delete, Retain),
        (Some("Retain"), &[][..], Delete, Retain),
        (Some("keep"), &[][..], Delete, Retain),
        (None, &[("sagemaker.services.k8s.aws/deletion-policy", "Retain")][..], Delete, Retain),
    ] {
        let options = Options { deletion_policy: flag, ..options() };
        assert_eq!(deletion_policy(&options, &tables(namespace, &[], &[]), kind, "team", said), policy);
    }
}
