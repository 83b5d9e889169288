# Completes `cargo xtask` in fish, beside what completes `cargo` otherwise:
#
#     cargo xtask completions fish >~/.config/fish/conf.d/cargo-xtask.fish

function __cargo_xtask
    set -l folder $PWD
    while test -n "$folder"; and not test -f $folder/xtask/Cargo.toml
        set folder (string replace --regex '/[^/]*$' '' -- $folder)
    end
    test -n "$folder"; or return
    # The program that the checkout has compiled last.
    set -l target $folder/target
    set -q CARGO_TARGET_DIR; and set target $CARGO_TARGET_DIR
    set -l program $target/debug/xtask
    test -x $program; or return
    set -l typed (commandline --tokenize --cut-at-cursor --current-process)
    $program complete -- $typed[2..] (commandline --cut-at-cursor --current-token) 2>/dev/null
end

complete --command cargo --condition '__fish_seen_subcommand_from xtask' --no-files --keep-order --arguments '(__cargo_xtask)'
