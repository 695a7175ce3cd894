//! The field-naming rule of AWS Controllers for Kubernetes: `HomeEfsFileSystemKmsKeyId` ⇄ `homeEFSFileSystemKMSKeyID`.
//!
//! Initialisms are rewritten, the name is lower-camel-cased, and initialisms are rewritten again. A leading
//! initialism is written in lower case whole, any other in upper case. Rows apply in order.

use std::sync::OnceLock;

use fancy_regex::Regex;

/// What a row looks for: the plain text, or a guarded pattern.
enum Find {
    Text,
    Pattern(&'static str),
}
use Find::{Pattern as P, Text as T};

/// (match, elsewhere, leading, how to find it), in the order in which they apply.
const INITIALISMS: &[(&str, &str, &str, Find)] = &[
    ("Ids", "IDs", "ids", P("(?![U|u])Ids")),
    ("Id", "ID", "id", P("Id(?!entifier|le|entity|entities|empotency|c)")),
    ("Idc", "IDC", "idc", T),
    ("Dbi", "DBI", "dbi", T),
    ("Db", "DB", "db", P("Db(?!i)")),
    ("Db", "DB", "db", P("DB")),
    ("CACert", "CACert", "caCert", T),
    ("MD5Of", "MD5Of", "md5Of", P("M[dD]5Of")),
    ("Ipc", "IPC", "ipc", T),
    ("IPAddress", "IPAddress", "ip_address", T),
    ("IPv4", "IPv4", "ipv4", P("I[Pp]v4")),
    ("IPv6", "IPv6", "ipv6", P("I[Pp]v6")),
    ("Ip", "IP", "ip", P("Ip(?!art|am)")),
    ("IPSet", "IPSet", "ip_set", T),
    ("Amis", "AMIs", "amis", T),
    ("Ami", "AMI", "ami", T),
    ("Acl", "ACL", "acl", T),
    ("Acm", "ACM", "acm", P("(?:Acm|ACM)(?!e)")),
    ("AIML", "AIML", "aiml", T),
    ("Acp", "ACP", "acp", T),
    ("Api", "API", "api", T),
    ("Arn", "ARN", "arn", T),
    ("ArgoCd", "ArgoCD", "argoCD", T),
    ("Asn", "ASN", "asn", T),
    ("Awsvpc", "AWSVPC", "awsVPC", T),
    ("Aws", "AWS", "aws", T),
    ("Az", "AZ", "az", T),
    ("Bgp", "BGP", "bgp", T),
    ("Cors", "CORS", "cors", T),
    ("Cidr", "CIDR", "cidr", T),
    ("Cname", "CNAME", "cname", T),
    ("Cpu", "CPU", "cpu", T),
    ("Crl", "CRL", "crl", T),
    ("Cps", "CPS", "cps", T),
    ("Csr", "CSR", "csr", T),
    ("Dhcp", "DHCP", "dhcp", T),
    ("Dns", "DNS", "dns", T),
    ("Dpd", "DPD", "dpd", T),
    ("Ebs", "EBS", "ebs", T),
    ("Ec2", "EC2", "ec2", T),
    ("Ecr", "ECR", "ecr", P("(?!S|s|D|d)[Ee]cr(?!et|ease)")),
    ("Ecs", "ECS", "ecs", T),
    ("Edi", "EDI", "edi", P("Edi(?!t)")),
    ("Efs", "EFS", "efs", T),
    ("Eks", "EKS", "eks", T),
    ("Ena", "ENA", "ena", P("Ena(?!bl)")),
    ("Ecmp", "ECMP", "ecmp", T),
    ("Fifo", "FIFO", "fifo", T),
    ("Fpga", "FPGA", "fpga", T),
    ("Gid", "GID", "gid", T),
    ("Gpu", "GPU", "gpu", T),
    ("Grpc", "GRPC", "grpc", T),
    ("Html", "HTML", "html", T),
    ("Http", "HTTP", "http", P("(HTTP((?!S[A-Z]))|Http(?!s))")),
    ("Https", "HTTPS", "https", T),
    ("Iam", "IAM", "iam", T),
    ("Icmp", "ICMP", "icmp", T),
    ("Io", "IO", "io", P("Io(?!ps)")),
    ("Iops", "IOPS", "iops", T),
    ("Ipam", "IPAM", "ipam", T),
    ("Ja3", "JA3", "ja3", T),
    ("Json", "JSON", "json", T),
    ("Jwt", "JWT", "jwt", T),
    ("Kms", "KMS", "kms", T),
    ("Ldap", "LDAP", "ldap", T),
    ("Mfa", "MFA", "mfa", T),
    ("Mibps", "MiBps", "miBps", T),
    ("Nat", "NAT", "nat", P("Nat(?!i)")),
    ("Oid", "OID", "oid", P("Oid(?!c)")),
    ("OID", "OID", "oid", P("OID(?!C)")),
    ("Oidc", "OIDC", "oidc", T),
    ("Ocsp", "OCSP", "ocsp", T),
    ("Pca", "PCA", "pca", T),
    ("Pid", "PID", "pid", T),
    ("Ramdisk", "RAMDisk", "ramDisk", T),
    ("Ram", "RAM", "ram", T),
    ("Rfc", "RFC", "rfc", T),
    ("Sasl", "SASL", "sasl", T),
    ("Scram", "SCRAM", "scram", T),
    ("Sdk", "SDK", "sdk", T),
    ("Sha256", "SHA256", "sha256", T),
    ("Sns", "SNS", "sns", T),
    ("Sqli", "SQLI", "sqli", T),
    ("Sql", "SQL", "sql", T),
    ("Sqs", "SQS", "sqs", T),
    ("Sriov", "SRIOV", "sriov", T),
    ("Sse", "SSE", "sse", T),
    ("Ssl", "SSL", "ssl", T),
    ("Tcp", "TCP", "tcp", T),
    ("Tde", "TDE", "tde", T),
    ("Tpm", "TPM", "tpm", T),
    ("Tls", "TLS", "tls", T),
    ("Ttl", "TTL", "ttl", P("(?!Thro)[tT][tT][lL](?!ing|e)")),
    ("Udp", "UDP", "udp", T),
    ("Uri", "URI", "uri", P("(?!sec)uri(?!ty)|(Uri)|(URI)")),
    ("Url", "URL", "url", T),
    ("Uuid", "UUID", "uuid", T),
    ("Uids", "UIDs", "uids", T),
    ("Uid", "UID", "uid", T),
    ("Ui", "UI", "ui", P("U(I|i)(?!D|d)")),
    ("Vlan", "VLAN", "vlan", T),
    ("Vpce", "VPCE", "vpce", P("(V|v)pce")),
    ("Vpc", "VPC", "vpc", P("(V|v)(P|p)(C|c)(?!e)")),
    ("Vpn", "VPN", "vpn", T),
    ("Vgw", "VGW", "vgw", T),
    ("Waf", "WAF", "waf", T),
    ("Xml", "XML", "xml", T),
    ("Xss", "XSS", "xss", T),
    ("Yaml", "YAML", "yaml", T),
];

/// Go's keywords, which the rule keeps apart with a trailing underscore (`Type` → `type_`).
const GO_KEYWORDS: &[&str] = &[
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
    "var",
];

/// The Kubernetes field name of an AWS member: `S3Uri` → `s3URI`, `Type` → `type_`.
#[must_use]
pub fn to_crd(member: &str) -> String {
    let name = initialisms(&lower_camel(&initialisms(member)));
    if GO_KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// The member name as AWS writes it in validation messages: first letter in lower case.
#[must_use]
pub fn to_message(member: &str) -> String {
    let mut chars = member.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn initialisms(name: &str) -> String {
    let mut name = name.to_owned();
    for (row, (text, elsewhere, leading, find)) in INITIALISMS.iter().enumerate() {
        let lead = match find {
            Find::Text => name.starts_with(text).then_some(text.len()),
            Find::Pattern(_) => {
                regex(row).and_then(|re| re.find(&name).ok().flatten()).filter(|m| m.start() == 0).map(|m| m.end())
            }
        }
        .or_else(|| name.starts_with(elsewhere).then_some(elsewhere.len()));
        let (head, tail) = name.split_at(lead.unwrap_or(0));
        let tail = match find {
            Find::Text => tail.replace(text, elsewhere),
            Find::Pattern(_) => {
                regex(row).map_or_else(|| tail.to_owned(), |re| re.replace_all(tail, *elsewhere).into_owned())
            }
        };
        name = if head.is_empty() { tail } else { format!("{leading}{tail}") };
    }
    name
}

fn regex(row: usize) -> Option<&'static Regex> {
    static COMPILED: OnceLock<Vec<Option<Regex>>> = OnceLock::new();
    COMPILED
        .get_or_init(|| {
            INITIALISMS
                .iter()
                .map(|(.., find)| match find {
                    Find::Text => None,
                    Find::Pattern(p) => Regex::new(p).ok(),
                })
                .collect()
        })
        .get(row)?
        .as_ref()
}

/// Lower camel case: separators are dropped and raise the next letter, as does a digit.
fn lower_camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut raise = false;
    for (i, c) in name.chars().enumerate() {
        if matches!(c, '_' | '-' | ' ' | '.') {
            raise = true;
        } else if i == 0 {
            out.extend(c.to_lowercase());
        } else if raise || out.ends_with(|p: char| p.is_ascii_digit()) {
            out.extend(c.to_uppercase());
            raise = false;
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_pair_of_the_ack_controllers_holds() {
        let pairs = include_str!("../tests/data/ack-field-names.tsv");
        let wrong: Vec<_> = pairs
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once('\t'))
            .filter(|(aws, crd)| to_crd(aws) != *crd)
            .map(|(aws, crd)| format!("{aws}: {} is not {crd}", to_crd(aws)))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(pairs.lines().count(), 590);
    }

    #[test]
    fn every_known_pair_leads_back_wherever_the_member_is() {
        let pairs: std::collections::HashMap<_, _> = include_str!("../tests/data/ack-field-names.tsv")
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once('\t'))
            .collect();
        let mut seen = std::collections::HashSet::new();
        for id in crate::SERVICES {
            for (shape_name, shape) in &crate::service(id).unwrap().shapes {
                for member in shape.members.keys().filter(|member| pairs.contains_key(*member)) {
                    let back = crate::crd::names(shape).get(pairs[member]).copied();
                    assert_eq!(back, Some(*member), "{id} {shape_name} {}", pairs[member]);
                    seen.insert(*member);
                }
            }
        }
        let unseen: Vec<_> = pairs.keys().filter(|member| !seen.contains(*member)).collect();
        assert!(unseen.is_empty(), "no structure has {unseen:?}");
    }

    #[test]
    fn names_of_one_structure_never_meet() {
        for id in crate::SERVICES {
            for (shape_name, shape) in &crate::service(id).unwrap().shapes {
                let mut names: Vec<_> = shape.members.keys().map(|m| to_crd(m)).collect();
                names.sort();
                let count = names.len();
                names.dedup();
                assert_eq!(names.len(), count, "{id} {shape_name}");
            }
        }
    }
}
