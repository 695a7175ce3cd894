//! The lint finds each slip of a row, and nothing where there is none.

#![allow(clippy::unwrap_used, clippy::panic)]

use sagewright_kinds::{lint, parse};

/// A row of the tests with one text in place of another, and what the lint says of it.
fn told(file: &str, from: &str, to: &str) -> String {
    let path = format!("{}/tests/sample_rows/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    let kind = parse(file, &text.replacen(from, to, 1)).unwrap_or_else(|e| panic!("{to}: {e}"));
    lint(&kind).join("\n")
}

const SPEC: &str = "[spec]\n";
const INPUT: &str = "[identity]\n";

#[test]
fn what_is_right_passes() {
    for (from, to) in [
        ("kind =", "kind ="),
        (
            SPEC,
            "[spec]\ndefaults = { EndpointConfigName = \"x\", \"DeploymentConfig.AutoRollbackConfiguration.Alarms[].AlarmName\" = \"\" }\n",
        ),
        (
            SPEC,
            "[spec]\nunordered = { Tags = \"Key\", \"DeploymentConfig.AutoRollbackConfiguration.Alarms\" = \"AlarmName\" }\n",
        ),
        (SPEC, "[spec]\nunordered = { \"DeploymentConfig.AutoRollbackConfiguration.Alarms\" = \"\" }\n"),
        (
            SPEC,
            "[spec]\nomit = [\"Tags\"]\njson = [\"EndpointName\"]\nsecret = [\"EndpointName\"]\nany_case = [\"EndpointName\"]\n",
        ),
        (SPEC, "[spec]\nderived = { EndpointConfigName = \"EndpointName\" }\n"),
        (SPEC, "[spec]\nserver_elements = { Tags = { member = \"Key\", prefix = \"x\" } }\n"),
        (INPUT, "[operations.input]\nupdate = { EndpointConfigName = \"$EndpointConfigName|$arn\" }\n[identity]\n"),
        (INPUT, "[operations.input]\nlist = { NameContains = \"$read.EndpointName\", MaxResults = 5 }\n[identity]\n"),
        (INPUT, "[operations.input]\nlist = { NameContains = \"$arn.name\", SortBy = \"Name\" }\n[identity]\n"),
        (
            "[update]\n",
            "[list]\nname_contains = \"NameContains\"\nrename = { EndpointArn = \"EndpointArn\" }\n[update]\n",
        ),
        ("[update]\n", "[delete]\nhow = \"retain\"\n[update]\n"),
        ("[update]\n", "[delete]\nhow = \"deregister\"\n[update]\n"),
        ("kind = \"Endpoint\"", "kind = \"Endpoint\"\nplural = \"endpointses\"\ngroup = \"x\"\nversion = \"y\""),
        ("kind = \"EndpointConfig\"", "kind = \"EndpointConfig\"\nname = \"configRef\""),
        ("kind = \"EndpointConfig\"", "kind = \"Model\"\nvalue = \"status.ackResourceMetadata.arn\""),
        ("kind = \"EndpointConfig\"", "kind = \"TrainingJob\"\nvalue = \"status.modelArtifacts.s3ModelArtifacts\""),
        ("kind = \"EndpointConfig\"", "kind = \"Anything\"\ngroup = \"other.example\"\nvalue = \"status.x\""),
        ("kind = \"EndpointConfig\"", "kind = \"EndpointConfig\"\ntemplate = \"a/{}/{x}\"\nwith = { x = \"y\" }"),
    ] {
        assert_eq!(told("endpoint", from, to), "", "{to}");
    }
}

#[test]
fn each_slip_of_a_row_is_told() {
    for (from, to, expected) in [
        (
            "kind = \"Endpoint\"",
            "kind = \"Endpoint\"\ngroup = \"sagemaker.services.k8s.aws\"",
            "`sagemaker.services.k8s.aws` is the service's own",
        ),
        ("kind = \"Endpoint\"", "kind = \"Endpoint\"\nversion = \"v1alpha1\"", "`v1alpha1` is the service's own"),
        (
            INPUT,
            "[operations.input]\nstop = { EndpointName = \"x\" }\n[identity]\n",
            "operations.input.stop: there is no such operation",
        ),
        (
            INPUT,
            "[operations.input]\nread = { Endpoint = \"x\" }\n[identity]\n",
            "operations.input.read: `DescribeEndpoint` takes no `Endpoint`",
        ),
        (
            INPUT,
            "[operations.input]\nlist = { NameContains = \"$Endpoint\" }\n[identity]\n",
            "operations.input.list: nothing is called `$Endpoint`",
        ),
        (
            INPUT,
            "[operations.input]\nlist = { NameContains = \"$arn|$read.Nothing\" }\n[identity]\n",
            "nothing is called `$read.Nothing`",
        ),
        (
            INPUT,
            "[operations.input]\nupdate = { ExcludeRetainedVariantProperties = [\"$Odd\"] }\n[identity]\n",
            "nothing is called `$Odd`",
        ),
        (
            INPUT,
            "[operations.input]\nread = { EndpointName = \"$EndpointName\" }\n[identity]\n",
            "operations.input.read: `EndpointName` is given by the identity already",
        ),
        (
            "name = [\"EndpointName\"]",
            "name = [\"EndpointConfigName\"]",
            "operations.input.delete: `DeleteEndpoint` needs `EndpointName`",
        ),
        (
            "name = [\"EndpointName\"]",
            "name = [\"EndpointName\", \"Nothing\"]",
            "identity: `CreateEndpoint` takes no `Nothing`",
        ),
        (
            "name = [\"EndpointName\"]",
            "name = [\"EndpointName\"]\nwithin = [\"Nothing\"]",
            "identity: `CreateEndpoint` takes no `Nothing`",
        ),
        ("name = [\"EndpointName\"]\narn = \"EndpointArn\"", "name = []", "identity: neither a name nor an ARN"),
        ("member = \"EndpointStatus\"", "member = \"State\"", "status.member: a read gives no `State`"),
        ("member = \"EndpointStatus\"\n", "", "status: words without a member that holds them"),
        (
            "member = \"EndpointStatus\"",
            "member = \"EndpointStatus\"\nsecondary = \"Nothing\"",
            "status: a read gives no `Nothing`",
        ),
        (
            "settled = [\"InService\"]",
            "settled = [\"InService\"]\nstopped = [\"InService\"]",
            "`InService` is named 2 times",
        ),
        (
            "[update]\n",
            "[[status.parts]]\npath = \"Nothing\"\nprogressing = [\"a\"]\n[update]\n",
            "status.parts: a read gives no `Nothing`",
        ),
        (
            "[update]\n",
            "[[status.parts]]\npath = \"EndpointStatus\"\nprogressing = [\"Odd\"]\n[update]\n",
            "`EndpointStatus` is never `Odd`",
        ),
        (
            "[update]\n",
            "[[status.parts]]\npath = \"EndpointStatus\"\nprogressing = [\"Failed\"]\nunless = [\"EndpointStatus\", \"Odd\"]\n[update]\n",
            "`EndpointStatus` is never `Odd`",
        ),
        ("[update]\n", "[status.rename]\nNothing = \"x\"\n[update]\n", "a read gives no `Nothing`"),
        ("[update]\n", "[delete]\nstops = [\"Odd\"]\n[update]\n", "`EndpointStatus` is never `Odd`"),
        ("when = [\"OutOfService\"", "when = [\"Odd\"", "`EndpointStatus` is never `Odd`"),
        ("[update]\n", "[delete]\nhow = \"stop\"\n[update]\n", "delete: the row names no operation for it"),
        ("update = \"UpdateEndpoint\"\n", "", "update.sends: the kind has no update"),
        (
            "sends = [\"EndpointConfigName\", \"DeploymentConfig\"]",
            "sends = []",
            "update.sends: an update that sends nothing",
        ),
        (
            "sends = [",
            "rename = { DeploymentConfig = \"Deployment\" }\nsends = [",
            "`UpdateEndpoint` takes no `Deployment`",
        ),
        ("sends = [", "sends = [\"Tags\", ", "update.sends: `UpdateEndpoint` takes no `Tags`"),
        ("sends = [", "remove = { DeploymentConfig = \"Odd\" }\nsends = [", "update: `UpdateEndpoint` takes no `Odd`"),
        (SPEC, "[spec]\nomit = [\"Odd\"]\n", "spec.omit: there is no `Odd`"),
        (SPEC, "[spec]\njson = [\"Odd\"]\n", "spec.json: there is no `Odd`"),
        (SPEC, "[spec]\nname_or_arn = [\"Odd\"]\n", "spec.name_or_arn: there is no `Odd`"),
        (SPEC, "[spec]\nany_case = [\"Odd\"]\n", "spec.any_case: there is no `Odd`"),
        (SPEC, "[spec]\nsecret = [\"Odd\"]\n", "spec.secret: there is no `Odd`"),
        ("unread = [", "unread = [\"Odd\", ", "spec.unread: there is no `Odd`"),
        (SPEC, "[spec]\nfrom_update = [\"Odd\"]\n", "spec.from_update: there is no `Odd`"),
        (
            SPEC,
            "[spec]\nfrom_update = [\"EndpointConfigName\"]\n",
            "spec.from_update: the create takes `EndpointConfigName` too",
        ),
        (SPEC, "[spec]\ndefaults = { Odd = 1 }\n", "spec.defaults: there is no `Odd`"),
        (SPEC, "[spec]\nderived = { Odd = \"EndpointName\" }\n", "spec.derived: there is no `Odd`"),
        (SPEC, "[spec]\nderived = { EndpointName = \"Odd\" }\n", "spec.derived: there is no `Odd`"),
        (
            SPEC,
            "[spec]\nderived = { \"DeploymentConfig.BlueGreenUpdatePolicy\" = \"Odd\" }\n",
            "spec.derived: there is no `DeploymentConfig.Odd`",
        ),
        ("observe = { DeploymentConfig =", "observe = { Odd =", "spec.observe: there is no `Odd`"),
        (SPEC, "[spec]\nunordered = { Odd = \"\" }\n", "spec.unordered: there is no `Odd`"),
        (SPEC, "[spec]\nunordered = { EndpointName = \"\" }\n", "spec.unordered: `EndpointName` is no list"),
        (SPEC, "[spec]\nunordered = { Tags = \"Odd\" }\n", "spec.unordered: elements of `Tags` have no `Odd`"),
        (
            SPEC,
            "[spec]\nserver_elements = { Odd = { member = \"Key\", prefix = \"x\" } }\n",
            "spec.server_elements: there is no `Odd`",
        ),
        (
            SPEC,
            "[spec]\nserver_elements = { Tags = { member = \"Odd\", prefix = \"x\" } }\n",
            "spec.server_elements: elements of `Tags` have no `Odd`",
        ),
        (SPEC, "[spec]\nserver_keys = { Odd = \"_\" }\n", "spec.server_keys: there is no `Odd`"),
        (SPEC, "[spec]\nserver_keys = { Tags = \"_\" }\n", "spec.server_keys: `Tags` is no map"),
        ("[update]\n", "[tags]\nunless = \"Odd\"\n[update]\n", "spec.tags: there is no `Odd`"),
        ("[update]\n", "[tags]\nmark = \"Odd\"\n[update]\n", "spec.tags: there is no `Odd`"),
        ("[update]\n", "[tags]\nmember = \"Odd\"\n[update]\n", "tags: the create takes none; say `none = true`"),
        ("[update]\n", "[tags]\nnone = true\n[update]\n", "tags: `none` where the create takes tags needs `unlisted`"),
        ("path = \"EndpointConfigName\"", "path = \"Odd\"", "refs: there is no `Odd`"),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"EndpointConfig\"\nname = \"endpointConfigRef\"",
            "refs: `endpointConfigRef` is the regular name",
        ),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"EndpointConfig\"\nname = \"tags\"",
            "refs: `tags` is a field of the spec",
        ),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"EndpointConfig\"\ntemplate = \"a/{}\"\nwith = { x = \"y\" }",
            "refs: no template of `EndpointConfigName` uses `x`",
        ),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"EndpointConfig\"\n[[refs]]\npath = \"EndpointConfigName\"\nkind = \"Model\"",
            "refs: `endpointConfigRef` is the name of two references",
        ),
        ("kind = \"EndpointConfig\"", "kind = \"Model\"\nvalue = \"spec.odd\"", "refs: a Model has no `spec.odd`"),
        ("kind = \"EndpointConfig\"", "kind = \"Model\"\nvalue = \"status.odd\"", "refs: a Model has no `status.odd`"),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"Model\"\nvalue = \"odd.modelName\"",
            "refs: a Model has no `odd.modelName`",
        ),
        ("kind = \"EndpointConfig\"", "kind = \"Model\"\nvalue = \"modelName\"", "refs: a Model has no `modelName`"),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"TrainingJob\"\nvalue = \"status.modelArtifacts.odd\"",
            "has no `status.modelArtifacts.odd`",
        ),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"TrainingJob\"\nvalue = \"status.trainingJobStatus.odd\"",
            "has no `status.trainingJobStatus.odd`",
        ),
        (
            "kind = \"EndpointConfig\"",
            "kind = \"TrainingJob\"\nvalue = \"status.finalMetricDataList[0]\"",
            "has no `status.finalMetricDataList[0]`",
        ),
        (
            "[update]\n",
            "[list]\nname_contains = \"Odd\"\n[update]\n",
            "list.name_contains: `ListEndpoints` takes no `Odd`",
        ),
        (
            "[update]\n",
            "[list]\nrename = { Odd = \"EndpointArn\" }\n[update]\n",
            "list.rename: items of `ListEndpoints` have no `Odd`",
        ),
        ("[update]\n", "[list]\nrename = { EndpointArn = \"Odd\" }\n[update]\n", "list.rename: a read gives no `Odd`"),
        (
            "not_found = [{",
            "not_found = [{ code = \"ResourceNotFound\" }, {",
            "errors: the service says `ResourceNotFound` already",
        ),
        (
            "not_found = [",
            "busy = [{ code = \"ResourceInUse\" }]\nnot_found = [",
            "errors: the service says `ResourceInUse` already",
        ),
        (
            "not_found = [",
            "terminal = [{ code = \"MissingParameter\" }]\nnot_found = [",
            "errors: the service says `MissingParameter` already",
        ),
    ] {
        let told = told("endpoint", from, to);
        assert!(told.contains(&format!("Endpoint: {expected}")) || told.contains(expected), "{to}\n  {told}");
    }
}

#[test]
fn a_stop_deletes_a_job_and_a_member_that_the_update_alone_has_is_sent() {
    let wanted = "delete: the row names no operation";
    assert!(!told("training-job", "quirks", "quirks").contains(wanted));
    assert!(told("training-job", "stop = \"StopTrainingJob\"\n", "").contains(wanted));
    // An update's input may come from the spec.
    assert!(!told("endpoint", "kind =", "kind =").contains("operations.input.update"));
    assert!(
        told("model-package", "update = { ModelPackageArn = \"$arn\" }\n", "")
            .contains("`UpdateModelPackage` needs `ModelPackageArn`")
    );
    assert!(told("scaling-policy", "none = true", "none = false").contains("tags: the create takes none"));
    assert!(
        told("scaling-policy", "PolicyNames = [\"$PolicyName\"]", "PolicyNames = [\"$Odd\"]")
            .contains("nothing is called `$Odd`")
    );
}
