fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Brings its own protoc, so that none has to be there.
    std::env::set_var("PROTOC", protoc_bin_vendored::protoc_bin_path()?);
    println!("cargo:rerun-if-changed=../../protos");
    tonic_prost_build::configure().build_server(false).compile_protos(
        &["../../protos/conduit/v1/router_service.proto"],
        &["../../protos"],
    )?;
    Ok(())
}
