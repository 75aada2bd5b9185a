// ClickHouse's JDBC driver against an HTTP port: ClickhouseJdbc URL CASE. Ends with 0 if all is as with ClickHouse.
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.UUID;

public class ClickhouseJdbc {
  interface Case {
    void run(Connection connection) throws SQLException;
  }

  static void same(Object found, Object wanted) {
    if (!Objects.equals(found, wanted)) throw new AssertionError("found " + found + ", wanted " + wanted);
  }

  static void raises(int code, Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException error) {
      if (error.getErrorCode() != code) throw error;
      return;
    }
    throw new AssertionError("no error " + code + ": " + sql);
  }

  static long number(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
      same(rows.next(), true);
      return rows.getLong(1);
    }
  }

  static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  static void queries(Connection connection) throws SQLException {
    same(connection.isValid(5), true);
    same(number(connection, "SELECT 7"), 7L);
    try (Statement statement = connection.createStatement();
         ResultSet rows = statement.executeQuery("SELECT number AS n, toString(number) AS s FROM numbers(100000)")) {
      same(rows.getMetaData().getColumnName(2), "s");
      same(rows.getMetaData().getColumnTypeName(1), "UInt64");
      long sum = 0;
      while (rows.next()) {
        sum += rows.getLong("n");
        same(rows.getString("s"), Long.toString(rows.getLong("n")));
      }
      same(sum, 4999950000L);
    }
    try (Statement statement = connection.createStatement();
         ResultSet rows = statement.executeQuery("SELECT number FROM numbers(0)")) {
      same(rows.next(), false);
    }
  }

  static void parameters(Connection connection) throws SQLException {
    try (PreparedStatement statement =
             connection.prepareStatement("SELECT ? + 1 AS n, ? AS s, toDate(?) AS d, ? IS NULL AS z")) {
      statement.setInt(1, 41);
      statement.setString(2, "it's \\ a\ttab\nand a line");
      statement.setObject(3, LocalDate.of(2026, 1, 2));
      statement.setObject(4, null);
      try (ResultSet rows = statement.executeQuery()) {
        same(rows.next(), true);
        same(rows.getLong(1), 42L);
        same(rows.getString(2), "it's \\ a\ttab\nand a line");
        same(rows.getDate(3).toLocalDate(), LocalDate.of(2026, 1, 2));
        same(rows.getBoolean(4), true);
      }
    }
  }

  static void inserts(Connection connection) throws SQLException {
    execute(connection, "CREATE TABLE java (a UInt32, b String, c Nullable(Float64), d DateTime64(3), e Array(String), "
        + "f LowCardinality(String), g Decimal(18, 4), h UUID) ENGINE = MergeTree ORDER BY a");
    final LocalDateTime time = LocalDateTime.of(2026, 11, 21, 12, 0, 0, 5_000_000);
    final UUID key = UUID.fromString("12345678-1234-5678-1234-567812345678");
    try (PreparedStatement insert =
             connection.prepareStatement("INSERT INTO java (a, b, c, d, e, f, g, h) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")) {
      for (int i = 0; i < 2000; ++i) {
        insert.setInt(1, i);
        insert.setString(2, "row '" + i + "'");
        insert.setObject(3, i % 2 == 0 ? i / 4.0 : null);
        insert.setObject(4, time);
        insert.setArray(5, connection.createArrayOf("String", new Object[] {"x", Integer.toString(i)}));
        insert.setString(6, "f" + i % 3);
        insert.setBigDecimal(7, new BigDecimal("1.2500"));
        insert.setObject(8, key);
        insert.addBatch();
      }
      same(insert.executeBatch().length, 2000);
    }
    same(number(connection, "SELECT count() FROM java"), 2000L);
    same(number(connection, "SELECT sum(a) FROM java"), 1999000L);
    try (Statement statement = connection.createStatement();
         ResultSet rows = statement.executeQuery("SELECT * FROM java WHERE a = 7")) {
      same(rows.next(), true);
      same(rows.getInt("a"), 7);
      same(rows.getString("b"), "row '7'");
      same(rows.getObject("c"), null);
      same(rows.getTimestamp("d").toLocalDateTime(), time);
      final Array array = rows.getArray("e");
      same(List.of((Object[]) array.getArray()), List.of("x", "7"));
      same(rows.getString("f"), "f1");
      same(rows.getBigDecimal("g"), new BigDecimal("1.2500"));
      same(rows.getObject("h"), key);
    }
    try (Statement statement = connection.createStatement()) {
      same(statement.executeUpdate("INSERT INTO java (a, b) VALUES (5000, 'one'), (5001, 'two')"), 2);
    }
    raises(16, connection, "INSERT INTO java (nobody) VALUES (1)");
    execute(connection, "DROP TABLE java");
  }

  // What a BI tool asks first.
  static void metadata(Connection connection) throws SQLException {
    execute(connection, "CREATE TABLE listed (id UInt32, name Nullable(String)) ENGINE = MergeTree ORDER BY id");
    final DatabaseMetaData about = connection.getMetaData();
    same(about.getDatabaseProductName(), "ClickHouse");
    same(about.getDatabaseMajorVersion(), 26);
    try (ResultSet rows = about.getTables(null, "default", "listed", null)) {
      same(rows.next(), true);
      same(rows.getString("TABLE_NAME"), "listed");
      same(rows.next(), false);
    }
    final List<String> columns = new ArrayList<>();
    try (ResultSet rows = about.getColumns(null, "default", "listed", "%")) {
      while (rows.next()) columns.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME"));
    }
    same(columns, List.of("id UInt32", "name Nullable(String)"));
    try (ResultSet rows = about.getSchemas()) {
      boolean found = false;
      while (rows.next()) found |= rows.getString("TABLE_SCHEM").equals("default");
      same(found, true);
    }
    try (ResultSet rows = about.getPrimaryKeys(null, "default", "listed")) {
      rows.next();
    }
    same(about.getTypeInfo().next(), true);
    execute(connection, "DROP TABLE listed");
  }

  static void errors(Connection connection) throws SQLException {
    raises(60, connection, "SELECT * FROM not_there");
    raises(62, connection, "SELEC 1");
    raises(497, connection, "SELECT * FROM file('/etc/passwd')");
    raises(395, connection, "SELECT throwIf(number = 2000000) FROM numbers(3000000)");
    // In the middle of an answer.
    try (Statement statement = connection.createStatement();
         ResultSet rows = statement.executeQuery("SELECT number, throwIf(number = 2900000) FROM numbers(3000000) "
             + "SETTINGS max_block_size = 65536, max_threads = 1")) {
      while (rows.next()) rows.getLong(1);
      throw new AssertionError("no error in the middle of an answer");
    } catch (SQLException error) {
      // By which code, depends on the driver.
    }
    same(number(connection, "SELECT 1"), 1L);
  }

  static void cancels(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(1);
      statement.executeQuery("SELECT count() FROM numbers(100000000000) WHERE NOT ignore(number)");
      throw new AssertionError("an endless statement ended");
    } catch (SQLException error) {
      // The driver's own, or 159.
    }
    same(number(connection, "SELECT 1"), 1L);
  }

  static Case named(String name) {
    return switch (name) {
      case "queries" -> ClickhouseJdbc::queries;
      case "parameters" -> ClickhouseJdbc::parameters;
      case "inserts" -> ClickhouseJdbc::inserts;
      case "metadata" -> ClickhouseJdbc::metadata;
      case "errors" -> ClickhouseJdbc::errors;
      case "cancels" -> ClickhouseJdbc::cancels;
      default -> throw new IllegalArgumentException(name);
    };
  }

  public static void main(String[] words) throws SQLException {
    for (String compress : List.of("true", "false")) {
      final Properties properties = new Properties();
      properties.setProperty("compress", compress);
      try (Connection connection = DriverManager.getConnection("jdbc:clickhouse:" + words[0], properties)) {
        for (int i = 1; i < words.length; ++i) named(words[i]).run(connection);
      }
    }
  }
}
