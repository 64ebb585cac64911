"""The quickstart's data, made from ordinary packages: easy-vqa, OpenMoji and BabyAI; and the text of its small trunk."""
