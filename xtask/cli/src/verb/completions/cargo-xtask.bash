# shellcheck shell=bash
# Completes `cargo xtask` in bash; what else completes `cargo` goes on doing so. To be read by ~/.bashrc:
#
#     cargo xtask completions bash >~/.cargo-xtask.bash
#     echo 'source ~/.cargo-xtask.bash' >>~/.bashrc

# The program that the checkout around this folder has compiled last.
_cargo_xtask_program() {
  local folder=$PWD
  while [[ $folder ]]; do
    if [[ -f $folder/xtask/Cargo.toml ]]; then
      printf '%s' "${CARGO_TARGET_DIR:-$folder/target}/debug/xtask"
      return
    fi
    folder=${folder%/*}
  done
}

_cargo_xtask() {
  local line words word program candidates candidate
  line=${COMP_LINE:0:COMP_POINT}
  read -ra words <<<"$line"
  [[ $line != *[[:space:]] ]] || words+=("")
  if [[ ${words[1]-} != xtask || ${#words[@]} -lt 3 ]]; then
    [[ -z ${_cargo_xtask_others-} ]] || "$_cargo_xtask_others" "$@"
    return
  fi
  program=$(_cargo_xtask_program)
  [[ -x $program ]] || return
  # Bash takes `:` and `=` for the ends of words, and replaces only what comes after.
  word=${words[-1]}
  word=${word%"${word##*["${COMP_WORDBREAKS//[^:=]/}"]}"}
  mapfile -t candidates < <("$program" complete -- "${words[@]:1}" 2>/dev/null)
  COMPREPLY=()
  for candidate in "${candidates[@]}"; do
    candidate=${candidate%%$'\t'*}
    COMPREPLY+=("${candidate#"$word"}")
  done
  # More belongs to what ends like this.
  [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=/] ]] || compopt -o nospace 2>/dev/null
}

if ! complete -p cargo >/dev/null 2>&1 && declare -F _completion_loader >/dev/null; then
  _completion_loader cargo
fi
_cargo_xtask_others=$(complete -p cargo 2>/dev/null | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
[[ $_cargo_xtask_others != _cargo_xtask ]] || _cargo_xtask_others=''
complete -o default -o bashdefault -o nosort -F _cargo_xtask cargo
