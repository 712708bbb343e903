//! Compiles the real kernels with hiprtc, as a HIP device does where no embedded code object fits. hiprtc
//! needs no GPU; where it is not installed this says so and checks nothing.

use std::io::{Write, stderr};
use std::path::Path;

use hipgauge::backend::{KernelLibrary, compile_with_hiprtc};

const ARCHITECTURES: [&str; 4] = ["gfx90a", "gfx942:sramecc+:xnack-", "gfx1100", "gfx1201"];

#[test]
fn hiprtc_compiles_every_kernel_through_the_runtime_table() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kernels");
    // Inside a chroot the binary may run without the repository.
    let fixtures = KernelLibrary::from_directory(&fixtures).ok();
    for library in [Some(KernelLibrary::embedded()), fixtures].into_iter().flatten() {
        for module in library.modules().iter().filter(|module| !module.functions.is_empty()) {
            for architecture in ARCHITECTURES {
                let line = match compile_with_hiprtc(&library, module, architecture) {
                    Err(reason) => {
                        writeln!(stderr(), "hiprtc: skipped: {reason}").expect("stderr is writable");
                        return;
                    }
                    Ok(compiled) => {
                        let code = compiled.unwrap_or_else(|error| panic!("{error}"));
                        assert!(code.starts_with(b"\x7fELF"), "{} is not a code object", module.name);
                        for function in &module.functions {
                            let name = function.as_bytes();
                            let found = code.windows(name.len()).any(|window| window == name);
                            assert!(found, "{}:{function} is not in the code object", module.name);
                        }
                        format!("hiprtc: {} for {architecture}: {} bytes", module.name, code.len())
                    }
                };
                writeln!(stderr(), "{line}").expect("stderr is writable");
            }
        }
    }
}
