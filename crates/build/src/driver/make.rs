//! `make`: a Makefile that takes its compiler from the environment or from its arguments.

use rst_model::recipe::Make;

use super::{Context, Plan, autotools::compiler_env, make_steps};

pub(super) fn plan(context: &Context, options: &Make) -> Plan {
    Plan {
        files: context.written(&options.write),
        env: compiler_env(context, &options.cflags),
        steps: make_steps(context, &options.make),
        products: "src".to_owned(),
    }
}
