//! Who calls whom, read from the machine code itself.

use object::Architecture;

/// The calls and jumps in a piece of code that lies at `address`: where each is, and where it leads. x86
/// instructions have no fixed size, so every byte is tried: one that leads to a given place by chance is
/// one in some four thousand million.
pub(crate) fn branches(
    architecture: Architecture,
    address: u64,
    code: &[u8],
) -> Box<dyn Iterator<Item = (u64, u64)> + '_> {
    let at = move |offset: usize| address + offset as u64;
    match architecture {
        Architecture::Aarch64 => {
            Box::new(code.as_chunks::<4>().0.iter().enumerate().filter_map(move |(index, word)| {
                let far = aarch64_branch(u32::from_le_bytes(*word))?;
                Some((at(index * 4), at(index * 4).wrapping_add_signed(far)))
            }))
        }
        Architecture::X86_64 => Box::new(code.windows(5).enumerate().filter_map(move |(offset, bytes)| {
            let far = x86_call(bytes)?;
            Some((at(offset), at(offset + 5).wrapping_add_signed(far)))
        })),
        _ => Box::new(std::iter::empty()),
    }
}

/// `call rel32` or `jmp rel32`: how far it goes from its end. Intel's manual, volume 2A.
fn x86_call(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [0xe8 | 0xe9, a, b, c, d] => Some(i32::from_le_bytes([*a, *b, *c, *d]).into()),
        _ => None,
    }
}

/// `bl` or `b`: how far it goes from its beginning. Arm's manual, C6.2.
fn aarch64_branch(word: u32) -> Option<i64> {
    let signed = (word << 6).cast_signed() >> 6;
    (word & 0x7c00_0000 == 0x1400_0000).then_some(i64::from(signed) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers_in(architecture: Architecture, code: &[u8], target: u64) -> Vec<u64> {
        branches(architecture, 0x1000, code).filter(|(_, to)| *to == target).map(|(at, _)| at).collect()
    }

    #[test]
    fn calls_forth_and_back_are_seen() {
        // nop; call +0x10; call -0xb
        let code = [0x90, 0xe8, 0x10, 0, 0, 0, 0xe8, 0xf5, 0xff, 0xff, 0xff];
        assert_eq!(callers_in(Architecture::X86_64, &code, 0x1016), [0x1001]);
        assert_eq!(callers_in(Architecture::X86_64, &code, 0x1000), [0x1006]);
        // nop; bl +0x10; b -8
        let code: Vec<u8> = [0xd503_201fu32, 0x9400_0004, 0x17ff_fffe].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(callers_in(Architecture::Aarch64, &code, 0x1014), [0x1004]);
        assert_eq!(callers_in(Architecture::Aarch64, &code, 0x1000), [0x1008]);
    }
}
