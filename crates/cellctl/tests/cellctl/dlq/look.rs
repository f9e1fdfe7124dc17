//! `ls` and `show`.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_core::dead_letter::Reason;
use cellstack_emulator::{Fault, FaultKind};

use super::world::DlqWorld;

const DLQ: &str = "cellstack-cell-alpha-events-dlq";

#[tokio::test(start_paused = true)]
async fn ls_counts_by_cell_place_and_reason_and_leaves_every_letter_where_it_was() {
    let world = DlqWorld::new().await;
    world.poison("globex", 1).await;
    for at in 0..23 {
        world.write_letter(DLQ, Reason::NotHeld, &format!("letter {at}")).await;
    }
    world.put("cellstack-cell-alpha-topic-dlq", "nonsense").await;

    let ran = world.cellctl("dlq ls --output json").await.ended(Completion::Done);
    let count = |cell: &str, place: &str| {
        let json = ran.json();
        let all = json.as_array().unwrap().clone();
        assert_eq!(all.len(), 6);
        let queue = all.into_iter().find(|queue| queue["cell"] == cell && queue["place"] == place).unwrap();
        let dead_letters = queue["letters"].as_object().unwrap().clone();
        let counts = dead_letters.iter().map(|(reason, group)| format!("{reason} {}", group["count"]));
        (counts.collect::<Vec<_>>().join(", "), queue["approximate"]["visible"].as_u64().unwrap())
    };
    assert_eq!(count("alpha", "queue"), ("not-held 23".to_owned(), 23));
    assert_eq!(count("alpha", "topic"), ("undecodable 1".to_owned(), 1));
    assert_eq!(count("alpha", "stream"), (String::new(), 0));
    assert_eq!(count("beta", "queue").1, 1);
    assert!(world.all_visible(DLQ) && world.bodies(DLQ).len() == 23);

    let table = world.cellctl("dlq ls --cell alpha").await.ended(Completion::Done).data;
    for text in ["not-held", "23", "2026-01-01T00:00:00.000Z", "about 23", "stream"] {
        assert!(table.contains(text), "{text} is not in\n{table}");
    }
    assert!(!table.contains("beta"), "{table}");
}

#[tokio::test(start_paused = true)]
async fn ls_says_when_it_could_not_see_all() {
    let world = DlqWorld::new().await;
    for at in 0..15 {
        world.write_letter(DLQ, Reason::NotHeld, &format!("letter {at}")).await;
    }
    let ran = world.cellctl("dlq ls --cell alpha --limit 12").await.ended(Completion::LeftSome);
    assert!(ran.talk.contains("not all was seen: stopped after 12 of about 15"), "{}", ran.talk);
    assert!(world.all_visible(DLQ));

    // Another reader has some in hand.
    let url = world.stack.queue_url(DLQ).await.unwrap();
    let taken = world.stack.sqs().receive_message().queue_url(url).max_number_of_messages(4).send().await.unwrap();
    assert_eq!(taken.messages().len(), 4);
    let ran = world.cellctl("dlq ls --cell alpha").await.ended(Completion::LeftSome);
    assert!(ran.talk.contains("4 in other hands just now"), "{}", ran.talk);
    assert!(ran.data.contains("11"), "{}", ran.data);
}

/// Makes a queue of two thousand letters, each receive of which takes a second: longer than letters stay hidden.
async fn long_queue() -> DlqWorld {
    let world = DlqWorld::new().await;
    for at in 0..2_000 {
        world.write_letter(DLQ, Reason::NotHeld, &format!("letter {at}")).await;
    }
    let slow = FaultKind::Latency(Duration::from_secs(1));
    world.stack.aws().faults().inject(Fault::new("SQS", "ReceiveMessage", slow).on(DLQ));
    world
}

#[tokio::test(start_paused = true)]
async fn ls_ends_although_letters_come_back_while_it_reads() {
    let world = long_queue().await;
    let ls = world.cellctl("dlq ls --cell alpha");
    let ran = tokio::time::timeout(Duration::from_secs(3_600), ls).await.expect("it ends");
    let ran = ran.ended(Completion::Done);
    assert!(ran.data.contains("2000"), "{}", ran.data);
    assert!(world.all_visible(DLQ));
}

#[tokio::test(start_paused = true)]
async fn ls_ends_when_somebody_stops_it() {
    let world = long_queue().await;
    let deployment = world.deployment();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        deployment.stop().cancel();
    };
    let ls = crate::ran::Ran::of("dlq ls --cell alpha", &deployment);
    let both = futures::future::join(ls, stop);
    let (ran, ()) = tokio::time::timeout(Duration::from_secs(3_600), both).await.expect("it ends");
    let ran = ran.ended(Completion::LeftSome);
    assert!(ran.talk.contains("not all was seen: stopped after 1"), "{}", ran.talk);
    assert!(world.all_visible(DLQ));
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_not_registered_is_named_with_those_that_are() {
    let world = DlqWorld::new().await;
    let error = world.cellctl("dlq ls --cell omega").await.completion.unwrap_err();
    assert!(error.contains("cell omega is not in the registry cellstack-registry; these are: alpha, beta"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn show_prints_whole_letters_and_filters_them() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 7).await;
    let other = world.write_letter(DLQ, Reason::NotHeld, r#"{"whole":["as","it","was"]}"#).await;

    let ran = world.cellctl("dlq show --cell alpha --because not-held --output json").await.ended(Completion::Done);
    let json = ran.json();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!(json[0]["original"], other.original);
    assert_eq!((&json[0]["queue"], &json[0]["place"]), (&DLQ.into(), &"queue".into()));
    assert_eq!((&json[0]["attempts"], &json[0]["redrives"]), (&1.into(), &0.into()));

    for (filter, shown) in [("--tenant acme", 1), ("--tenant globex", 0), ("--place topic", 0), ("--place queue", 2)] {
        let ran = world.cellctl(&format!("dlq show --cell alpha --output json {filter}")).await.ended(Completion::Done);
        assert_eq!(ran.json().as_array().unwrap().len(), shown, "{filter}");
    }
    let ran = world.cellctl(&format!("dlq show --cell alpha --event {id}")).await.ended(Completion::Done);
    assert!(ran.data.contains(&id) && ran.data.contains("acme") && !ran.data.contains("amount"), "{}", ran.data);

    let ran = world.cellctl("dlq show --cell alpha --limit 1").await.ended(Completion::LeftSome);
    assert!(ran.talk.contains("there are more than the 1 letter shown: raise --limit"), "{}", ran.talk);
    assert!(world.all_visible(DLQ) && world.bodies(DLQ).len() == 2);
}

#[tokio::test(start_paused = true)]
async fn show_escapes_the_control_characters_of_a_letter() {
    let world = DlqWorld::new().await;
    let mut letter = world.write_letter(DLQ, Reason::NotHeld, "letter").await;
    // Sets the title of a terminal.
    letter.detail = "\u{1b}]0;x\u{7}".to_owned();
    world.put(DLQ, &letter.encode().unwrap()).await;
    let ran = world.cellctl("dlq show --cell alpha").await.ended(Completion::Done);
    assert!(ran.data.contains("\\u{1b}]0;x\\u{7}") && !ran.data.contains(&letter.detail), "{:?}", ran.data);
    let json = world.cellctl("dlq show --cell alpha --output json").await.ended(Completion::Done).json();
    assert!(json.as_array().unwrap().iter().any(|shown| shown["detail"] == letter.detail), "{json}");
}
