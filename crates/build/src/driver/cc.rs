//! `cc`: named sources, compiled and linked, with no build system to configure. A Makefile of a few
//! lines is written for it, so that the sources compile in parallel.

use std::fmt::Write as _;

use rst_model::{
    RelPath,
    recipe::{Cc, CcOutput},
};

use super::{Context, Plan, TWINS, quoted, step, step_with};

pub(super) fn plan(context: &Context, options: &Cc) -> Plan {
    let mut steps: Vec<_> = options
        .prepare
        .iter()
        .map(|argv| {
            let argv = context.fill_all(argv);
            match argv.split_last() {
                Some((last, command)) if last.starts_with('>') => {
                    let keep = ["sh", "-c", "out=$1; shift; \"$@\" > \"$out\"", "sh", &last[1..]];
                    step(keep.into_iter().chain(command.iter().map(String::as_str)))
                }
                _ => step(argv),
            }
        })
        .collect();
    steps.push(step_with(["make", "-f", "/b/build.mk", "-j{jobs}", "all"], &[("RST_TWIN", TWINS)]));
    let mut files = context.written(&options.write);
    files.insert(RelPath::new("build.mk").expect("a plain name"), makefile(context, options));
    Plan { files, steps, products: "src".to_owned(), ..Plan::default() }
}

fn makefile(context: &Context, options: &Cc) -> String {
    let outputs: Vec<_> = options
        .output
        .iter()
        .filter(|(_, output)| output.arch.is_none_or(|arch| arch == context.platform.arch))
        .collect();
    let names: Vec<_> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    let mut text = format!("all: {}\n", names.join(" "));
    for (name, output) in outputs {
        // Each output has objects of its own, since two may compile one source differently.
        let objects = format!("/b/objects/{name}");
        let cflags = shell_words(&flags(context, options, output));
        let variable = name.replace(['.', '-', '/'], "_");
        for pattern in context.fill_all(&output.sources) {
            let _ = write!(text, "\n$(if $(wildcard {pattern}),,$(error no source of {name} matches {pattern}))");
        }
        let _ = write!(
            text,
            "\nSOURCES_{variable} := $(sort $(filter-out {exclude},$(wildcard {sources})))\n\
             OBJECTS_{variable} := $(SOURCES_{variable}:%.c={objects}/%.o)\n\
             {objects}/%.o: %.c\n\t@mkdir -p $(@D)\n\tcc {cflags} -c $< -o $@\n",
            exclude = match output.exclude.is_empty() {
                true => String::new(),
                false => format!("$(wildcard {})", context.fill_all(&output.exclude).join(" ")),
            },
            sources = context.fill_all(&output.sources).join(" "),
        );
        let _ = match name.rsplit_once('.') {
            Some((_, "a")) => write!(text, "{name}: $(OBJECTS_{variable})\n\trm -f $@\n\tar rcsD $@ $^\n"),
            Some((_, "o")) => write!(text, "{name}: $(OBJECTS_{variable})\n\tcp $^ $@\n"),
            _ => {
                let link = [context.ldflags(), context.fill_all(&output.libs), context.allocator()].concat();
                let made_here: Vec<_> =
                    output.libs.iter().filter(|lib| options.output.contains_key(*lib)).cloned().collect();
                write!(
                    text,
                    "{name}: $(OBJECTS_{variable}) {after}\n\tcc -o $@ $(OBJECTS_{variable}) {link}\n",
                    after = made_here.join(" "),
                    link = shell_words(&link),
                )
            }
        };
    }
    text
}

fn flags(context: &Context, options: &Cc, output: &CcOutput) -> Vec<String> {
    let defines = options.defines.iter().map(|define| format!("-D{define}"));
    let includes = options.includes.iter().map(|folder| format!("-I{folder}"));
    let own: Vec<_> =
        includes.chain(defines).chain(options.cflags.iter().cloned()).chain(output.cflags.iter().cloned()).collect();
    context.cflags(&own)
}

/// Words as make hands them to the shell, each one in quotes where it needs them.
fn shell_words(words: &[String]) -> String {
    let quoted: Vec<_> = words
        .iter()
        .map(|word| {
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./,+:@%".contains(c));
            let word = if plain { word.clone() } else { quoted(word) };
            word.replace('$', "$$").replace('#', r"\#")
        })
        .collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_survive_make_and_shell() {
        let words = ["-DA=\"it's\"".to_owned(), "-DB=$x".to_owned(), "-Iinclude".to_owned()];
        assert_eq!(super::shell_words(&words), r#"'-DA="it'\''s"' '-DB=$$x' -Iinclude"#);
    }
}
