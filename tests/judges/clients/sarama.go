// sarama BOOTSTRAP CASE NAME: one case through the Go client sarama; ends with 0 when all is right.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

var bootstrap, name string

func fatal(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

func must(err error, what string) {
	if err != nil {
		fatal("%s: %v", what, err)
	}
}

func config(version sarama.KafkaVersion) *sarama.Config {
	c := sarama.NewConfig()
	c.Version = version
	c.ClientID = "judge"
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Session.Timeout = 10 * time.Second
	c.Consumer.MaxWaitTime = 200 * time.Millisecond
	return c
}

func create(topic string, partitions int32) {
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config(sarama.V3_6_0_0))
	must(err, "admin")
	must(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false), "create")
	must(admin.Close(), "close admin")
}

func produce(topic string, from, to int, c *sarama.Config) {
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, c)
	must(err, "producer")
	var messages []*sarama.ProducerMessage
	for i := from; i < to; i++ {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(fmt.Sprint(i)),
			Value: sarama.StringEncoder(fmt.Sprintf("v%d", i))})
	}
	must(producer.SendMessages(messages), "produce")
	must(producer.Close(), "close producer")
}

func values(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("v%d", i))
	}
	return all
}

func same(got, want []string, what string) {
	sort.Strings(got)
	sort.Strings(want)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		fatal("%s: %d values, expected %d; or other ones", what, len(got), len(want))
	}
}

func readPartition(topic string, partition int32, count int, c *sarama.Config) []string {
	consumer, err := sarama.NewConsumer([]string{bootstrap}, c)
	must(err, "consumer")
	defer consumer.Close()
	part, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	must(err, "consume")
	defer part.Close()
	var all []string
	for len(all) < count {
		select {
		case message := <-part.Messages():
			all = append(all, string(message.Value))
		case <-time.After(30 * time.Second):
			fatal("%d of %d records after 30 s", len(all), count)
		}
	}
	return all
}

// Every version of the client's own choosing between the oldest that Kafka 4 takes and the newest it knows.
func produceAndConsume() {
	versions := []sarama.KafkaVersion{sarama.V2_1_0_0, sarama.V2_8_0_0, sarama.V3_6_0_0, sarama.MaxVersion}
	codecs := []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy,
		sarama.CompressionLZ4, sarama.CompressionZSTD}
	create(name, 1)
	count := 0
	for _, version := range versions {
		for _, codec := range codecs {
			c := config(version)
			c.Producer.Compression = codec
			if codec == sarama.CompressionZSTD {
				c.Producer.Idempotent = true
				c.Net.MaxOpenRequests = 1
			}
			produce(name, count, count+100, c)
			count += 100
		}
		same(readPartition(name, 0, count, config(version)), values(0, count), "records with "+version.String())
	}
}

type member struct {
	mutex *sync.Mutex
	seen  map[string]bool
	own   int
	claim int
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.claim = len(s.Claims()[name])
	return nil
}
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.mutex.Lock()
		m.seen[string(message.Value)] = true
		m.own++
		m.mutex.Unlock()
		s.MarkMessage(message, "")
	}
	return nil
}

func groups() {
	create(name, 4)
	produce(name, 0, 400, config(sarama.V3_6_0_0))
	var mutex sync.Mutex
	seen := map[string]bool{}
	context_, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	members := []*member{{mutex: &mutex, seen: seen}, {mutex: &mutex, seen: seen}}
	for _, m := range members {
		group, err := sarama.NewConsumerGroup([]string{bootstrap}, name, config(sarama.V3_6_0_0))
		must(err, "group")
		running.Add(1)
		go func(m *member) {
			defer running.Done()
			for context_.Err() == nil {
				must(group.Consume(context_, []string{name}, m), "consume in a group")
			}
			must(group.Close(), "close the group")
		}(m)
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		mutex.Lock()
		done := len(seen) == 400 && members[0].claim == 2 && members[1].claim == 2
		mutex.Unlock()
		if done {
			break
		}
		if time.Now().After(deadline) {
			fatal("%d of 400 seen, claims %d and %d", len(seen), members[0].claim, members[1].claim)
		}
		time.Sleep(50 * time.Millisecond)
	}
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config(sarama.V3_6_0_0))
	must(err, "admin")
	described, err := admin.DescribeConsumerGroups([]string{name})
	must(err, "describe")
	if len(described[0].Members) != 2 || described[0].State != "Stable" {
		fatal("%d members, %s", len(described[0].Members), described[0].State)
	}
	cancel()
	running.Wait()
	offsets, err := admin.ListConsumerGroupOffsets(name, map[string][]int32{name: {0, 1, 2, 3}})
	must(err, "offsets")
	total := int64(0)
	for partition := int32(0); partition < 4; partition++ {
		total += offsets.GetBlock(name, partition).Offset
	}
	if total != 400 {
		fatal("committed %d, expected 400", total)
	}
	must(admin.DeleteConsumerGroup(name), "delete the group")
	must(admin.Close(), "close admin")
}

func transactions() {
	create(name, 1)
	create(name+"-in", 1)
	c := config(sarama.V3_6_0_0)
	c.Producer.Idempotent = true
	c.Producer.Transaction.ID = name
	c.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, c)
	must(err, "transactional producer")
	for round := 0; round < 4; round++ {
		must(producer.BeginTxn(), "begin")
		for i := round * 10; i < round*10+10; i++ {
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: name, Value: sarama.StringEncoder(fmt.Sprintf("v%d", i))})
			must(err, "send")
		}
		offset := []*sarama.PartitionOffsetMetadata{{Partition: 0, Offset: int64(round + 1)}}
		must(producer.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{name + "-in": offset}, name), "offsets")
		if round%2 == 1 {
			must(producer.AbortTxn(), "abort")
		} else {
			must(producer.CommitTxn(), "commit")
		}
	}
	must(producer.Close(), "close")
	committed := config(sarama.V3_6_0_0)
	committed.Consumer.IsolationLevel = sarama.ReadCommitted
	same(readPartition(name, 0, 20, committed), append(values(0, 10), values(20, 30)...), "committed records")
}

func admin() {
	create(name, 2)
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config(sarama.V3_6_0_0))
	must(err, "admin")
	produce(name, 0, 100, config(sarama.V3_6_0_0))
	must(admin.CreatePartitions(name, 4, nil, false), "create partitions")
	topics, err := admin.ListTopics()
	must(err, "list topics")
	if topics[name].NumPartitions != 4 {
		fatal("%d partitions", topics[name].NumPartitions)
	}
	value := "1234567"
	must(admin.IncrementalAlterConfig(sarama.TopicResource, name, map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}, false), "alter config")
	// A change reaches the one who describes it a moment later, on Kafka too.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: name})
		must(err, "describe config")
		found := false
		for _, entry := range entries {
			found = found || entry.Name == "retention.ms" && entry.Value == value
		}
		if found {
			break
		}
		if time.Now().After(deadline) {
			fatal("retention.ms is not %s", value)
		}
	}
	must(admin.DeleteRecords(name, map[int32]int64{0: 1}), "delete records")
	_, _, err = admin.DescribeCluster()
	must(err, "describe cluster")
	_, err = admin.DescribeLogDirs([]int32{1})
	must(err, "describe log dirs")
	must(admin.DeleteTopic(name), "delete topic")
	must(admin.Close(), "close admin")
}

func main() {
	bootstrap, name = os.Args[1], os.Args[3]
	map[string]func(){"produce_and_consume": produceAndConsume, "groups": groups, "transactions": transactions,
		"admin": admin}[os.Args[2]]()
}
