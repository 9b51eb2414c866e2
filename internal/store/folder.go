package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrFolderInUse: another Berth has the data folder open.
var ErrFolderInUse = errors.New("another Berth is using this data folder: stop it first, or give this one a folder of its own")

// LockName is the name of the file in the data folder that a running Berth holds locked.
const LockName = "berth.lock"

// prepareFolder makes the data folder, or narrows it to its owner when it is Berth's own or empty.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the data folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the data folder %s is not a folder", dir)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	// Narrowing somebody's /srv or /tmp would lock others out of it.
	ours, err := isOurs(dir)
	if err != nil {
		return err
	}
	if !ours || info.Mode()&fs.ModeSticky != 0 {
		return fmt.Errorf("the data folder %s can be opened by others (mode %04o) and holds other things: give Berth a folder of its own, or run chmod 700 on it", dir, info.Mode().Perm())
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close the data folder to others: %w", err)
	}
	return nil
}

func isOurs(dir string) (bool, error) {
	if _, err := os.Lstat(filepath.Join(dir, FileName)); err == nil {
		return true, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("look into the data folder: %w", err)
	}
	return len(entries) == 0, nil
}

// ensureFile makes path with mode 0600, or narrows it to that.
func ensureFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	err = f.Chmod(0o600)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("close %s to others: %w", path, err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Chmod(path+suffix, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("close %s to others: %w", path+suffix, err)
		}
	}
	return nil
}

// lockFolder takes the folder until the returned file is closed or the process ends, however it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, LockName), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrFolderInUse)
		}
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return f, nil
}
