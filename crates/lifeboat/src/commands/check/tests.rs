use super::*;

#[test]
fn findings_are_aligned_and_say_what_to_do() {
    let mut findings = Findings(Vec::new());
    findings.add("estate file", Ok("estate example, cluster rancher".to_owned()));
    findings.note("repository standby-s3", "one recipient: if that key is lost, so are all copies");
    let mut trouble = Trouble::new("LB0308", Kind::Person, "/var/lib/lifeboat/spool cannot be written");
    trouble.causes = vec!["permission denied".to_owned()];
    findings.add("newest copy", Err(trouble.hint("ls -ld /var/lib/lifeboat/spool")));
    findings.add("host standby-1", Err(Trouble::new("LB0806", Kind::Person, "it has no etcdutl")));
    insta::assert_snapshot!(anstream::adapter::strip_str(&findings.text()).to_string());
}
