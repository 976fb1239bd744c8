/*
 * One short script a shell. Each asks the program itself, `streamline-cli __complete -- WORD…` with the word being written last, and gets a
 * line a word: `word<TAB>description`. A first line `:files` asks for names of files.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for streamline-cli: source <(streamline-cli completion bash)
_streamline_cli() {
  local line answer
  local -a words=()
  COMPREPLY=()
  answer="$(streamline-cli __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" || return
  while IFS= read -r line; do
    if [ "$line" = ":files" ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
    elif [ -n "$line" ]; then
      words+=("\${line%%$'\\t'*}")
    fi
  done <<< "$answer"
  while IFS= read -r line; do
    [ -n "$line" ] && COMPREPLY+=("$line")
  done < <(compgen -W "\${words[*]}" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -F _streamline_cli streamline-cli
`,
  zsh: `#compdef streamline-cli
# zsh completion for streamline-cli: source <(streamline-cli completion zsh)
_streamline_cli() {
  local line
  local -a found
  found=()
  for line in "\${(@f)$(streamline-cli __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ "$line" == ":files" ]]; then
      _files
    elif [[ -n "$line" ]]; then
      local word="\${line%%$'\\t'*}" description="\${line#*$'\\t'}"
      found+=("\${word//:/\\\\:}:$description")
    fi
  done
  (( \${#found} )) && _describe 'streamline-cli' found
}
if [ "$funcstack[1]" = "_streamline_cli" ]; then
  _streamline_cli "$@"
else
  compdef _streamline_cli streamline-cli
fi
`,
  fish: `# fish completion for streamline-cli: streamline-cli completion fish | source
function __streamline_cli_complete
  set -l words (commandline -opc)[2..-1] (commandline -ct)
  for line in (streamline-cli __complete -- $words 2>/dev/null)
    if test "$line" = ":files"
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c streamline-cli -f -a '(__streamline_cli_complete)'
`,
};
