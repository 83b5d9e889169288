# Completes `cargo xtask` in zsh, beside what completes `cargo` otherwise. To be read by ~/.zshrc, after compinit:
#
#     cargo xtask completions zsh >~/.cargo-xtask.zsh
#     echo 'source ~/.cargo-xtask.zsh' >>~/.zshrc

# The name is the one by which cargo's own completion looks for those of other commands.
_cargo-xtask() {
  local folder=$PWD program line value
  local -a typed candidates
  while [[ -n $folder && ! -f $folder/xtask/Cargo.toml ]]; do folder=${folder%/*}; done
  # The program that the checkout has compiled last.
  program=${CARGO_TARGET_DIR:-$folder/target}/debug/xtask
  [[ -n $folder && -x $program ]] || return 1
  typed=("${(@)words[1,CURRENT]}")
  [[ $typed[1] != cargo ]] || shift typed
  for line in "${(@f)$("$program" complete -- "${(@)typed}" 2>/dev/null)}"; do
    value=${line%%$'\t'*}
    [[ -z $value ]] || candidates+=("${value//:/\\:}${${line#"$value"}/$'\t'/:}")
  done
  # More belongs to what ends like this.
  if (( $#candidates == 1 )) && [[ $value == *[=/] ]]; then
    _describe -V 'cargo xtask' candidates -S ''
  else
    _describe -V 'cargo xtask' candidates
  fi
}

_cargo-xtask-alone() {
  if [[ $words[2] == xtask ]] && (( CURRENT > 2 )); then _cargo-xtask; else _default; fi
}

(( $+_comps[cargo] )) || compdef _cargo-xtask-alone cargo
