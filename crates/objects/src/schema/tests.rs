use super::*;

#[test]
fn every_line_of_the_file_is_understood() {
    let text = include_str!("kubernetes.txt");
    let schema = Schema::kubernetes();
    let begin = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!(schema.kinds.len(), begin("kind "));
    assert_eq!(schema.messages.len(), begin("message "));
    let fields: usize = schema.messages.iter().map(|it| it.fields.len()).sum();
    assert_eq!(
        fields,
        text.lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .count()
    );
    assert!(fields > 3000, "{fields}");
}

#[test]
fn a_kind_leads_to_its_message() {
    let pod = Schema::kubernetes().kind("v1", "Pod").expect("a pod");
    let names: Vec<&str> = pod.fields.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["metadata", "spec", "status"]);
    assert!(Schema::kubernetes().kind("v1", "Cod").is_none());
}
