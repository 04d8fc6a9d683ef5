// Compresses a file by Go's own compress/flate: `deflate version`, or `deflate gz|zip LEVEL FILE OUT`.
package main

import (
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

func main() {
	if os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	level, err := strconv.Atoi(os.Args[2])
	check(err)
	content, err := os.ReadFile(os.Args[3])
	check(err)
	out, err := os.Create(os.Args[4])
	check(err)
	if os.Args[1] == "gz" {
		writer, err := gzip.NewWriterLevel(out, level)
		check(err)
		_, err = writer.Write(content)
		check(err)
		check(writer.Close())
	} else {
		archive := zip.NewWriter(out)
		archive.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) {
			return flate.NewWriter(to, level)
		})
		member, err := archive.Create(filepath.Base(os.Args[3]))
		check(err)
		_, err = member.Write(content)
		check(err)
		check(archive.Close())
	}
	check(out.Close())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
