// Writes what `PROGRAM completion bash|zsh|fish` prints: main PROGRAM FOLDER.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func main() {
	name, folder := os.Args[1], os.Args[2]
	program := &cobra.Command{Use: name}
	for path, write := range map[string]func(string) error{
		"bash/" + name:           func(path string) error { return program.GenBashCompletionFileV2(path, true) },
		"zsh/_" + name:           program.GenZshCompletionFile,
		"fish/" + name + ".fish": func(path string) error { return program.GenFishCompletionFile(path, true) },
	} {
		path = filepath.Join(folder, path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = write(path)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
