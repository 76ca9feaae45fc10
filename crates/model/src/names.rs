//! The way out where somebody named what there is not.

/// How alike two names must be for one to be meant by the other (Jaro, 0 to 1).
const ALIKE: f64 = 0.8;

/// `did you mean …?`, where one is near, and all that there are.
pub fn way_out(name: &str, known: &[String]) -> String {
    let near = known.iter().map(|other| (strsim::jaro(name, other), other)).filter(|(alike, _)| *alike > ALIKE);
    let near = near.max_by(|a, b| a.0.total_cmp(&b.0));
    let all = format!("there are: {}", known.join(", "));
    match near {
        Some((_, other)) => format!("did you mean `{other}`? {all}"),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood() {
        let known = ["podman", "buildah", "skopeo"].map(str::to_owned);
        assert_eq!(way_out("pdoman", &known), "did you mean `podman`? there are: podman, buildah, skopeo");
        assert_eq!(way_out("docker", &known), "there are: podman, buildah, skopeo");
    }
}
