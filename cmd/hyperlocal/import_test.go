package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// hyperlocal runs a command of the binary to its end.
func hyperlocal(t *testing.T, args ...string) (output string, exitCode int) {
	t.Helper()
	cmd := command(args...)
	out, _ := cmd.CombinedOutput() // how it ended is in ProcessState
	require.NotNil(t, cmd.ProcessState, "it did not start")
	return string(out), cmd.ProcessState.ExitCode()
}

func TestImport(t *testing.T) {
	p := startServer(t, "--data-dir", t.TempDir())
	for _, id := range []string{"S1", "S2"} {
		p.do("PUT", "/v1/stores/"+id, map[string]any{"name": id, "lat": 12.97, "lon": 77.59}).ok(200, nil)
	}
	const catalogue = "../../demo/data/catalogue/zepto_v2.csv"
	units := func(store string) int {
		var s struct{ Stock map[string]int }
		p.do("GET", "/v1/stores/"+store+"/stock?product=product:1", nil).ok(200, &s)
		return s.Stock["product:1"]
	}

	out, code := hyperlocal(t, "import", catalogue, "--server", p.url, "--dry-run")
	require.Zero(t, code, out)
	require.Contains(t, out, "3732 rows, 1790 products")
	p.do("GET", "/v1/stores/S1/stock?product=product:1", nil).refused(422, "product[0]")

	for range 2 { // the second time changes nothing
		out, code = hyperlocal(t, "import", catalogue, "--server", p.url, "--stock-to", "all")
		require.Zero(t, code, out)
		require.Contains(t, out, "catalogue: 1790 of 1790 products\n")
		require.Contains(t, out, "stock received at 2 of 2 stores\n")
		require.Equal(t, 3, units("S1"))
		require.Equal(t, 3, units("S2"))
	}
}

func TestImportRefuses(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.csv")
	require.NoError(t, os.WriteFile(other, []byte("a,b\n1,2\n"), 0o600))
	good := filepath.Join(t.TempDir(), "good.csv")
	require.NoError(t, os.WriteFile(good, []byte("sku_id,Category,name,mrp,discountPercent,availableQuantity,discountedSellingPrice,weightInGms,outOfStock,quantity\n"+
		"1,Fruit,Onion,2500,16,3,2100,1000,0,1\n"), 0o600))
	p := startServer(t, "--data-dir", t.TempDir())
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no file":       {[]string{"/nowhere.csv"}, "/nowhere.csv"},
		"another CSV":   {[]string{other}, "not a catalogue"},
		"no server":     {[]string{good, "--server", "http://" + freeAddr(t)}, "no server answers at"},
		"no stores":     {[]string{good, "--server", p.url, "--stock-to", "all"}, "the server has no stores"},
		"unknown store": {[]string{good, "--server", p.url, "--stock-to", "S9"}, "S9"},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := hyperlocal(t, append([]string{"import"}, c.args...)...)
			require.Equal(t, 1, code, out)
			require.Contains(t, out, c.want)
		})
	}
}
