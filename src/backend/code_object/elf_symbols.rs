//! Sizes of functions in ELF files: AMD's code objects and NVIDIA's cubins alike.

use object::{Object, ObjectSymbol, SymbolKind};

/// Functions with code, by name, with its bytes. A kernel's symbol spans its code and the padding that its compiler
/// put behind it. Empty if the image is no ELF file.
pub fn function_sizes(image: &[u8]) -> Vec<(String, u64)> {
    let Ok(file) = object::File::parse(image) else { return Vec::new() };
    let mut found: Vec<(String, u64)> = Vec::new();
    for symbol in file.symbols().chain(file.dynamic_symbols()) {
        let is_code = symbol.kind() == SymbolKind::Text && symbol.is_definition() && symbol.size() > 0;
        let Ok(name) = symbol.name() else { continue };
        if is_code && !found.iter().any(|(known, _)| known == name) {
            found.push((name.to_owned(), symbol.size()));
        }
    }
    found
}
