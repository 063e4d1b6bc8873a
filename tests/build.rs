//! Compiles the C of the images that call foreign code.

fn main() {
    println!("cargo:rerun-if-changed=c/foreign.c");
    println!("cargo:rerun-if-changed=../c");
    // The host's checks call none.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none") {
        cc::Build::new().file("c/foreign.c").opt_level(2).compile("foreign");
    }
}
