// clickhouse-go against an HTTP port: clickhouse_go ADDRESS CASE... Ends with 0 if all is as with ClickHouse.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

type client struct {
	driver.Conn
	options *clickhouse.Options
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func same(found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		panic(fmt.Sprintf("found %v, wanted %v", found, wanted))
	}
}

func raises(code int32, err error) {
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) || exception.Code != code {
		panic(fmt.Sprintf("no error %d but %v", code, err))
	}
}

var background = context.Background()

func queries(c client) {
	check(c.Ping(background))
	version, err := c.ServerVersion()
	check(err)
	same(version.Version.Major, uint64(26))
	rows, err := c.Query(background, "SELECT number AS n, toString(number) AS s FROM numbers(300000)")
	check(err)
	same(rows.Columns(), []string{"n", "s"})
	var sum, count uint64
	for rows.Next() {
		var n uint64
		var s string
		check(rows.Scan(&n, &s))
		sum += n
		count++
	}
	check(rows.Err())
	check(rows.Close())
	same([]uint64{sum, count}, []uint64{44999850000, 300000})
	var nothing []struct{ N uint64 }
	check(c.Select(background, &nothing, "SELECT number AS N FROM numbers(0)"))
	same(len(nothing), 0)
}

func parameters(c client) {
	var n uint64
	var s string
	var d time.Time
	check(c.QueryRow(background, "SELECT toUInt64(? + 1), ?, toDate(?)", 41, "it's \\ a\ttab\nand a line", "2026-01-02").Scan(&n, &s, &d))
	same(n, uint64(42))
	same(s, "it's \\ a\ttab\nand a line")
	same(d.Format("2006-01-02"), "2026-01-02")
	ctx := clickhouse.Context(background, clickhouse.WithParameters(clickhouse.Parameters{"n": "7", "s": "x'y"}))
	check(c.QueryRow(ctx, "SELECT {n:UInt64}, {s:String}").Scan(&n, &s))
	same(n, uint64(7))
	same(s, "x'y")
	ctx = clickhouse.Context(background, clickhouse.WithSettings(clickhouse.Settings{"max_threads": 3}))
	check(c.QueryRow(ctx, "SELECT toUInt64(getSetting('max_threads'))").Scan(&n))
	same(n, uint64(3))
}

func inserts(c client) {
	check(c.Exec(background, "DROP TABLE IF EXISTS golang"))
	check(c.Exec(background, `CREATE TABLE golang (a UInt32, b String, c Nullable(Float64), d DateTime64(3, 'UTC'),
		e Array(String), f LowCardinality(String), g Decimal(18, 4), h UUID, i IPv4, j Map(String, Int64),
		k Tuple(x Int8, y String), l Enum8('one' = 1, 'two' = 2), m Array(LowCardinality(Nullable(String))))
		ENGINE = MergeTree ORDER BY a`))
	at := time.Date(2026, 11, 21, 12, 0, 0, 5000000, time.UTC)
	key := uuid.MustParse("12345678-1234-5678-1234-567812345678")
	price := decimal.RequireFromString("1.25")
	batch, err := c.PrepareBatch(background, "INSERT INTO golang")
	check(err)
	word := "w"
	for i := 0; i < 20000; i++ {
		var half *float64
		if i%2 == 0 {
			value := float64(i) / 4
			half = &value
		}
		check(batch.Append(uint32(i), fmt.Sprintf("row %d", i), half, at, []string{"x", fmt.Sprint(i)}, fmt.Sprintf("f%d", i%3),
			price, key, net.ParseIP("10.0.0.1"), map[string]int64{"k": int64(i)}, []any{int8(1), "z"}, "two",
			[]*string{&word, nil}))
	}
	check(batch.Send())
	var count, sum uint64
	check(c.QueryRow(background, "SELECT count(), sum(a) FROM golang").Scan(&count, &sum))
	same([]uint64{count, sum}, []uint64{20000, 199990000})
	var (
		a uint32
		b string
		h *float64
		d time.Time
		e []string
		f string
		g decimal.Decimal
		u uuid.UUID
		i net.IP
		j map[string]int64
		k map[string]any
		l string
		m []*string
	)
	check(c.QueryRow(background, "SELECT * FROM golang WHERE a = 7").Scan(&a, &b, &h, &d, &e, &f, &g, &u, &i, &j, &k, &l, &m))
	same([]any{a, b, h, d.UTC(), e, f, g.String(), u, i.String(), j, k["y"], l, *m[0], m[1]},
		[]any{uint32(7), "row 7", (*float64)(nil), at, []string{"x", "7"}, "f1", "1.25", key, "10.0.0.1",
			map[string]int64{"k": 7}, "z", "two", "w", (*string)(nil)})
	raises(16, c.Exec(background, "INSERT INTO golang (nobody) VALUES (1)"))
	check(c.Exec(background, "INSERT INTO golang (a, b) VALUES (30000, 'one')"))
	check(c.QueryRow(background, "SELECT count() FROM golang").Scan(&count))
	same(count, uint64(20001))
	check(c.Exec(background, "DROP TABLE golang"))
}

func standard(c client) {
	db := clickhouse.OpenDB(c.options)
	defer db.Close()
	check(db.Ping())
	var n int
	check(db.QueryRow("SELECT sum(number) FROM numbers(?)", 10).Scan(&n))
	same(n, 45)
	rows, err := db.Query("SELECT name, type FROM system.columns WHERE database = 'system' AND table = 'one'")
	check(err)
	same(rows.Next(), true)
	var name, kind sql.NullString
	check(rows.Scan(&name, &kind))
	same([]string{name.String, kind.String}, []string{"dummy", "UInt8"})
	check(rows.Close())
}

func failures(c client) {
	raises(60, c.Exec(background, "SELECT * FROM not_there"))
	raises(62, c.Exec(background, "SELEC 1"))
	raises(497, c.Exec(background, "SELECT * FROM file('/etc/passwd')"))
	// In the middle of an answer.
	ctx := clickhouse.Context(background, clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 65536, "max_threads": 1}))
	rows, err := c.Query(ctx, "SELECT number, throwIf(number = 2900000) FROM numbers(3000000)")
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
	}
	raises(395, err)
	ctx, cancel := context.WithTimeout(background, 300*time.Millisecond)
	defer cancel()
	if c.Exec(ctx, "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(number)") == nil {
		panic("an endless statement ended")
	}
	check(c.Ping(background))
}

func main() {
	cases := map[string]func(client){"queries": queries, "parameters": parameters, "inserts": inserts, "standard": standard,
		"failures": failures}
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4,
		clickhouse.CompressionGZIP} {
		options := &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{os.Args[1]},
			Compression: &clickhouse.Compression{Method: method, Level: 1}}
		conn, err := clickhouse.Open(options)
		check(err)
		for _, name := range os.Args[2:] {
			cases[name](client{conn, options})
		}
		check(conn.Close())
	}
}
